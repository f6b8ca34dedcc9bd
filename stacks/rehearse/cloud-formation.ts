import { xml } from "./xml.ts";

type Template = {
  Resources: Record<string, { Type: string }>;
  Outputs?: Record<string, { Value: unknown; Export?: { Name: unknown } }>;
};
/** What became of one stack; seconds run from its creation to the end of its deployment. */
export type StackRecord = {
  name: string;
  resources: number;
  exports: string[];
  imports: string[];
  createdAt: number;
  deployedAt: number;
  deletedAt: number | null;
};

/** CloudFormation's own limits for one template. */
const limits = { templateBytes: 1_000_000, resources: 500, outputs: 200 };

type World = { account: string; region: string; readTemplate: (url: string) => string };
type Answer = { status: number; text: string };

/** Keeps the books of stacks: what a template may be, that imports exist, that nothing is deleted while somebody imports it. */
export class CloudFormation {
  readonly stacks: StackRecord[] = [];
  /** What the real one would have refused, or what this one was not made for. */
  readonly faults: string[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  answer(form: URLSearchParams): Answer {
    const action = form.get("Action")!;
    const name = form.get("StackName") ?? "";
    switch (action) {
      case "DescribeStacks":
        return this.#describe(name);
      case "CreateStack":
        return this.#create(name, form.get("TemplateURL")!);
      case "DeleteStack":
        return this.#remove(name);
      case "DescribeStackEvents":
      case "DescribeStackResources":
        return this.#find(name) ? answered(action, {}) : unknownStack(name);
      default:
        this.faults.push(`the rehearsal knows no ${action}`);
        return refused(`the rehearsal knows no ${action}`);
    }
  }

  #living(): StackRecord[] {
    return this.stacks.filter(({ deletedAt }) => deletedAt === null);
  }

  #find(name: string): StackRecord | undefined {
    return this.#living().find((stack) => stack.name === name);
  }

  #idOf(name: string): string {
    return `arn:aws:cloudformation:${this.#world.region}:${this.#world.account}:stack/${name}/rehearsal`;
  }

  #create(name: string, templateUrl: string): Answer {
    const text = this.#world.readTemplate(templateUrl);
    const template = JSON.parse(text) as Template;
    const stack = recordOf(name, template);
    this.#check(stack, text, template);
    this.stacks.push(stack);
    return answered("CreateStack", { StackId: this.#idOf(name) });
  }

  #check(stack: StackRecord, text: string, { Outputs = {} }: Template): void {
    const taken = this.#living().flatMap(({ exports }) => exports);
    const outputs = Object.keys(Outputs).length;
    const complaints = [
      ...(text.length > limits.templateBytes ? [`template of ${text.length} bytes`] : []),
      ...(stack.resources > limits.resources ? [`${stack.resources} resources`] : []),
      ...(outputs > limits.outputs ? [`${outputs} outputs`] : []),
      ...stack.exports.filter((one) => taken.includes(one)).map((one) => `exports ${one} a second time`),
      ...stack.imports
        .filter((one) => !taken.includes(one))
        .map((one) => `imports ${one}, which nobody exports`),
    ];
    this.faults.push(...complaints.map((what) => `${stack.name}: ${what}`));
  }

  #remove(name: string): Answer {
    const stack = this.#find(name);
    if (stack) {
      const users = this.#living().filter(({ imports }) =>
        imports.some((one) => stack.exports.includes(one)),
      );
      const who = users.map((user) => user.name).join(", ");
      if (users.length > 0) this.faults.push(`${name} is deleted while ${who} still import from it`);
      stack.deletedAt = Date.now();
    }
    return answered("DeleteStack", {});
  }

  #describe(name: string): Answer {
    const toolkit = bootstrap[name as keyof typeof bootstrap];
    const stack = this.#find(name);
    if (!toolkit && !stack) return unknownStack(name);
    if (stack) stack.deployedAt = Date.now();
    const Outputs = Object.entries(toolkit ?? {}).map(([OutputKey, OutputValue]) => ({
      OutputKey,
      OutputValue,
    }));
    const times = { StackStatus: "CREATE_COMPLETE", CreationTime: "2026-01-01T00:00:00Z" };
    return answered("DescribeStacks", {
      Stacks: [{ StackName: name, StackId: this.#idOf(name), ...times, Outputs }],
    });
  }
}

const answered = (action: string, result: Parameters<typeof xml>[1]): Answer => ({
  status: 200,
  text: xml(`${action}Response`, { [`${action}Result`]: result }),
});
const unknownStack = (name: string): Answer => refused(`Stack with id ${name} does not exist`);

/** What a bootstrapped account says of itself. */
const bootstrap = {
  CDKToolkit: { BootstrapVersion: "30", BucketName: "cdk-rehearsal-assets" },
  SSTBootstrap: { Version: "7.4", BucketName: "sstbootstrap-rehearsal" },
};

const refused = (Message: string): Answer => ({
  status: 400,
  text: xml("ErrorResponse", { Error: { Type: "Sender", Code: "ValidationError", Message } }),
});

function recordOf(name: string, { Resources, Outputs = {} }: Template): StackRecord {
  const imports = new Set<string>();
  collectImports(Resources, imports);
  const exports = Object.values(Outputs).flatMap(({ Export }) => (Export ? [String(Export.Name)] : []));
  const now = Date.now();
  return {
    name,
    resources: Object.keys(Resources).length,
    exports,
    imports: [...imports],
    createdAt: now,
    deployedAt: now,
    deletedAt: null,
  };
}

function collectImports(value: unknown, into: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, child] of Object.entries(value)) {
    if (name === "Fn::ImportValue") into.add(String(child));
    else collectImports(child, into);
  }
}
