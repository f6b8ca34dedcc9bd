import { loadAwsServiceSpec } from "@aws-cdk/aws-service-spec";
import type { Template } from "./synthesize.ts";

type Database = Awaited<ReturnType<typeof loadAwsServiceSpec>>;
type Shape = { properties: Record<string, Property>; tagInformation?: { tagPropertyName: string } };
type Property = { type: PropertyType; required?: boolean };
type ScalarType = {
  type: "string" | "integer" | "number" | "boolean" | "date-time" | "json" | "tag" | "null";
  allowedValues?: (string | number)[];
};
type PropertyType =
  | ScalarType
  | { type: "array" | "map"; element: PropertyType }
  | { type: "union"; types: PropertyType[] }
  | { type: "ref"; reference: { $ref: string } };

/** CloudFormation's own schemas, by which a template is judged: unknown, missing, out of its enumeration, of another type. */
export class Schemas {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Takes a second or two: the schemas of all of AWS. */
  static async open(): Promise<Schemas> {
    return new Schemas(await loadAwsServiceSpec());
  }

  /** What is wrong with a template; empty when nothing is. Custom resources have no schema. */
  check({ Resources }: Template): string[] {
    return Object.entries(Resources).flatMap(([id, { Type, Properties = {} }]) => {
      if (Type.startsWith("Custom::") || Type === "AWS::CloudFormation::CustomResource") return [];
      const shape = this.#shapeOf(Type);
      return shape ? this.#checkShape(shape, Properties, `${id} (${Type})`) : [`${id}: there is no ${Type}`];
    });
  }

  /** The property that holds the tags of a type of resource; null when it takes none. */
  tagsOf(type: string): { property: string } | null {
    const tags = this.#shapeOf(type)?.tagInformation;
    return tags ? { property: tags.tagPropertyName } : null;
  }

  #shapeOf(type: string): Shape | undefined {
    return this.#database.lookup("resource", "cloudFormationType", "equals", type)[0] as Shape | undefined;
  }

  #checkShape({ properties }: Shape, values: Record<string, unknown>, at: string): string[] {
    const isThere = (name: string) => name in values;
    const unknown = Object.keys(values).filter((name) => !(name in properties));
    const missing = Object.keys(properties).filter((name) => properties[name]!.required && !isThere(name));
    return [
      ...unknown.map((name) => `${at}.${name} is unknown`),
      ...missing.map((name) => `${at}.${name} is missing`),
      ...Object.entries(values).flatMap(([name, value]) =>
        properties[name] ? this.#check(properties[name].type, value, `${at}.${name}`) : [],
      ),
    ];
  }

  #check(type: PropertyType, value: unknown, at: string): string[] {
    if (isIntrinsic(value)) return [];
    const no = (what: string) => [`${at} is ${JSON.stringify(value).slice(0, 60)}, not ${what}`];
    switch (type.type) {
      case "array":
        if (!Array.isArray(value)) return no("a list");
        return value.flatMap((item, index) => this.#check(type.element, item, `${at}[${index}]`));
      case "map":
        if (!isRecord(value)) return no("a map");
        return Object.entries(value).flatMap(([name, item]) =>
          this.#check(type.element, item, `${at}.${name}`),
        );
      case "ref":
        if (!isRecord(value)) return no("a structure");
        return this.#checkShape(
          this.#database.get("typeDefinition", type.reference.$ref) as Shape,
          value,
          at,
        );
      case "union":
        return fewest(type.types.map((one) => this.#check(one, value, at)));
      default:
        return isScalar(type, value) ? [] : no([type.type, ...(type.allowedValues ?? [])].join(" "));
    }
  }
}

const fewest = (tries: string[][]): string[] =>
  tries.toSorted((one, other) => one.length - other.length)[0] ?? [];

/** CloudFormation takes a number or a boolean where it wants a string, and a string of one where it wants a number. */
function isScalar({ type, allowedValues }: ScalarType, value: unknown): boolean {
  if (allowedValues && !allowedValues.map(String).includes(String(value))) return false;
  switch (type) {
    case "string":
      return ["string", "number", "boolean"].includes(typeof value);
    case "number":
      return /^-?\d+(\.\d+)?$/.test(String(value));
    case "integer":
      return /^-?\d+$/.test(String(value));
    case "boolean":
      return ["true", "false"].includes(String(value));
    default:
      return true;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `Ref`, `Fn::…` and conditions are known only when the stack is deployed. */
function isIntrinsic(value: unknown): boolean {
  const names = isRecord(value) ? Object.keys(value) : [];
  return (
    names.length === 1 && (names[0] === "Ref" || names[0] === "Condition" || names[0]!.startsWith("Fn::"))
  );
}
