import {
  type CfnKeyValueStore,
  Function as EdgeFunction,
  FunctionCode,
  FunctionRuntime,
  KeyValueStore,
} from "aws-cdk-lib/aws-cloudfront";
import { type CfnResource, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { currentStage } from "./settings.ts";

/** Whose request it is, and which cell it goes to: weights in a store (docs/deploy.md, Cells), effective everywhere within seconds. */
export function cellChooser(scope: Construct): { functionArn: string; weightsArn: string } {
  const { name: stage } = currentStage(scope);
  const store = new KeyValueStore(scope, "Weights", { comment: `Weights of the cells of ${stage}` });
  (store.node.defaultChild as CfnKeyValueStore).name = `${stage}-strongroom-cells-${Stack.of(scope).region}`;
  const chooser = new EdgeFunction(scope, "ChooseCell", {
    code: FunctionCode.fromFile({ filePath: "stacks/edge/choose-cell.js" }),
    runtime: FunctionRuntime.JS_2_0,
    keyValueStore: store,
  });
  // Both take tags since this CDK was made.
  const tags = Object.entries({ app: "strongroom", stage, cell: "shared" }).map(([Key, Value]) => ({
    Key,
    Value,
  }));
  for (const one of [store, chooser])
    (one.node.defaultChild as CfnResource).addPropertyOverride("Tags", tags);
  return { functionArn: chooser.functionArn, weightsArn: store.keyValueStoreArn };
}
