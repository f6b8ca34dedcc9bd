import { type RouteName, routes } from "@strongroom/core/api";
import { Refusal } from "@strongroom/core/errors";

/** The route that a request is for, with the decoded `{…}` of its path. */
export type Match = { name: RouteName; params: Record<string, string> };

type Compiled = { name: RouteName; method: string; segments: string[] };

const compiled: Compiled[] = Object.entries(routes).map(([name, { method, path }]) => ({
  name: name as RouteName,
  method,
  segments: path.split("/"),
}));

/** 405 carries the methods that the path does know. */
export class MethodRefusal extends Refusal {
  readonly allow: string;

  constructor(allow: string) {
    super("method_not_allowed", `This address knows ${allow} only.`, { status: 405 });
    this.allow = allow;
  }
}

/** Finds the route of a request as API Gateway would; throws a Refusal with 404, 405 or 400 (not percent-encoded UTF-8). */
export function matchRoute(method: string | undefined, path: string): Match {
  const given = path.split("/");
  const here = compiled.filter(({ segments }) => fits(segments, given));
  const match = here.find((route) => route.method === method);
  if (match) return { name: match.name, params: paramsOf(match.segments, given) };
  if (here.length > 0) throw new MethodRefusal(here.map((route) => route.method).join(", "));
  throw new Refusal("not_found", "There is nothing at this address. See /openapi.json.", { status: 404 });
}

const isParameter = (segment: string) => segment.startsWith("{");

function fits(segments: string[], given: string[]): boolean {
  if (segments.length !== given.length) return false;
  return segments.every((segment, index) =>
    isParameter(segment) ? given[index] !== "" : given[index] === segment,
  );
}

function paramsOf(segments: string[], given: string[]): Record<string, string> {
  const pairs = segments.flatMap((segment, index) =>
    isParameter(segment) ? [[segment.slice(1, -1), decode(given[index]!)]] : [],
  );
  return Object.fromEntries(pairs);
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal("invalid_request", "The path is not percent-encoded UTF-8.", { status: 400 });
  }
}
