import { isDeepStrictEqual } from "node:util";
import { type Found, nameOf, plain, resourcesOf, type Rule, type Statement, statementsOf } from "./find.ts";
import type { Synthesis } from "./synthesize.ts";

/** Where objects are copied to another region, the keys that open and vouch for them are there too, as closed as here. */
export const copiesHaveTheirKeys: Rule = (synthesis) => {
  const isCopied = resourcesOf(synthesis, "AWS::S3::Bucket").some(
    ({ properties }) => "ReplicationConfiguration" in properties,
  );
  if (!isCopied) return [];
  return resourcesOf(synthesis, "AWS::KMS::Key")
    .filter(({ properties }) => properties["MultiRegion"] === true)
    .flatMap((key) => {
      const there = replicaPolicy(synthesis, key);
      if (there === null) return [`${nameOf(key)} has no replica`];
      const here = plain(statementsOf(key.properties["KeyPolicy"])) as Statement[];
      return isAsClosed(there, here) ? [] : [`the replica of ${nameOf(key)} has another policy`];
    });
};

/** What the call that makes the replica says of its policy. */
function replicaPolicy(synthesis: Synthesis, key: Found): Statement[] | null {
  const calls = resourcesOf(synthesis, "Custom::KeyReplica").map(
    ({ properties }) =>
      JSON.parse(String(plain(properties["Create"]))) as { parameters: Record<string, string> },
  );
  const made = calls.find(({ parameters }) => parameters["KeyId"] === key.id);
  return made ? statementsOf(JSON.parse(made.parameters["Policy"]!)) : null;
}

/** The same, but that more names may open: the same ones of the other region. */
const isAsClosed = (there: Statement[], here: Statement[]): boolean =>
  isDeepStrictEqual(there.map(unconditional), here.map(unconditional)) &&
  here.every((statement, at) => namesOf(statement).every((name) => namesOf(there[at]!).includes(name))) &&
  there.every((statement, at) => isDeepStrictEqual(regionless(statement), regionless(here[at]!))) &&
  there.every(({ Condition }, at) => (Condition === undefined) === (here[at]!.Condition === undefined));
const regionless = (statement: Statement) =>
  new Set(namesOf(statement).map((name) => JSON.stringify(name).replace(/[a-z]+-[a-z]+-\d/g, "")));
const unconditional = ({ Condition: _, ...statement }: Statement) => statement;
const namesOf = ({ Condition }: Statement): unknown[] =>
  [Condition?.["ArnNotLike"]?.["aws:PrincipalArn"] ?? []].flat();
