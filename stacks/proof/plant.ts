import type { Rule } from "./find.ts";
import type { Schemas } from "./schema.ts";
import type { Resource } from "./synthesize.ts";

/** A fault, the rule that has to find it, and where it is put. */
export type Plant = [
  title: string,
  rule: (schemas: Schemas) => Rule,
  type: string,
  id: RegExp,
  breakIt: (resource: Resource) => void,
];

// oxlint-disable-next-line typescript/no-explicit-any -- what is broken here has no type that would allow it
export const props = (resource: Resource) => resource.Properties as Record<string, any>;

/** Lets whoever has this policy do more than it did. */
export const allowing = (statement: object) => (one: Resource) =>
  props(one)["PolicyDocument"]["Statement"].push({ Effect: "Allow", ...statement });
