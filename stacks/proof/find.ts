import type { Resource, Synthesis } from "./synthesize.ts";

/** A rule names what breaks it; empty when nothing does. */
export type Rule = (synthesis: Synthesis) => string[];

export type Statement = {
  Sid?: string;
  Effect: string;
  Action: string | string[];
  Resource?: unknown;
  Principal?: unknown;
  Condition?: Record<string, Record<string, unknown>>;
};
export type Found = { stack: string; id: string; resource: Resource; properties: Record<string, unknown> };

const listOf = <T>(value: T | T[] | undefined): T[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];
/** All resources of one type over all stacks. */
export const resourcesOf = ({ templates }: Synthesis, type: string): Found[] =>
  Object.entries(templates).flatMap(([stack, { Resources }]) =>
    Object.entries(Resources).flatMap(([id, resource]) =>
      resource.Type === type ? [{ stack, id, resource, properties: resource.Properties ?? {} }] : [],
    ),
  );
export const nameOf = ({ stack, id }: Found) => `${stack}/${id}`;
export const statementsOf = (document: unknown): Statement[] =>
  listOf((document as { Statement?: Statement[] } | undefined)?.Statement);
export const actionsOf = (statement: Statement): string[] => listOf(statement.Action);
/** The logical id that a reference within a stack names. */
export const idOf = (value: unknown): string | undefined => {
  const { Ref, "Fn::GetAtt": attribute } = (value ?? {}) as { Ref?: string; "Fn::GetAtt"?: [string, string] };
  return Ref ?? attribute?.[0];
};
/** A value as it reads with the names of what only a deploy knows: `Ref` and `Fn::GetAtt` by logical id, joins joined. */
export const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const { "Fn::Join": join } = value as { "Fn::Join"?: [string, unknown[]] };
  if (join) return join[1].map(plain).join(join[0]);
  return (
    idOf(value) ?? Object.fromEntries(Object.entries(value).map(([name, child]) => [name, plain(child)]))
  );
};
