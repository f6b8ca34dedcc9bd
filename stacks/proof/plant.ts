import type { Rule } from "./find.ts";
import type { Schemas } from "./schema.ts";
import type { Resource } from "./synthesize.ts";

/** Breaks the first resource of a type, whose id fits, in one way; the rule must find it. */
export type Plant = [
  title: string,
  rule: (schemas: Schemas) => Rule,
  type: string,
  id: RegExp,
  breakIt: (resource: Resource) => void,
];

// oxlint-disable-next-line typescript/no-explicit-any -- what is broken here has no type that would allow it
export const props = (resource: Resource) => resource.Properties as Record<string, any>;
