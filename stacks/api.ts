import { type Route, type RouteName, routes } from "@strongroom/core/api";
import type { CfnApi } from "aws-cdk-lib/aws-apigatewayv2";
import { Fn } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { Api, type ApiRouteProps, Function, type StackContext, use } from "sst/constructs";
import { entry } from "./entry.ts";
import { variables } from "./environment.ts";
import { functionLogs } from "./logs.ts";
import { fileOf, functionProps } from "./functions.ts";
import type { Grant } from "./grants.ts";
import { identity } from "./identity.ts";
import { keys } from "./keys.ts";
import { cellScope, currentDomain, currentStage } from "./settings.ts";
import type { CellName } from "./stage.ts";
import { apiTimeoutSeconds } from "./timeouts.ts";

/** The content route streams, so it is the reader's. */
type ApiRoute = Exclude<RouteName, "readDocument">;

/** What a route is allowed besides entering the database. */
export const grants: Partial<Record<ApiRoute, readonly Grant[]>> = {
  acceptUpload: ["signUploads"],
  editDocument: ["signUploads"],
  signUploads: ["signUploads"],
  completeUpload: ["receiveUploads", "ring"],
  holdDocument: ["findTombstones"],
  redriveDocument: ["ring"],
  eraseDocument: ["writeTombstones", "collectStaging", "collectVault", "sign", "tellPublicKey"],
  receiptKeys: ["tellPublicKey"],
};

/** Per cell, one HTTP API over the route table of core, one function for each route; and the one entry before all cells. */
export function api({ stack }: StackContext) {
  const { cells } = currentStage(stack);
  const domain = currentDomain(stack);
  const apis = new Map(cells.map((cell) => [cell, createApi(cellScope(stack, cell), cell)]));
  const hostOf = (cell: CellName) =>
    domain
      ? originHost(cell, domain.name)
      : Fn.select(2, Fn.split("/", apis.get(cell)!.cdk.httpApi.apiEndpoint));
  const front = entry(stack, hostOf);
  for (const cell of cells) addRoutes({ cell, api: apis.get(cell)!, publicUrl: front.url });
  stack.addOutputs({ Url: front.url, CellWeights: front.weightsArn });
  return { ...front, api: (cell: CellName): Api => apis.get(cell)! };
}

/** Where CloudFront finds the API of a cell; the API's own address is switched off. */
export const originHost = (cell: string, domain: string): string => `${cell}.origin.${domain}`;

function createApi(scope: Construct, cell: CellName): Api {
  const { requestsPerSecond, logDays } = currentStage(scope);
  const domain = currentDomain(scope);
  const { issuer, audience } = use(identity);
  const made = new Api(scope, `Api-${cell}`, {
    authorizers: { jwt: { type: "jwt", jwt: { issuer, audience: [audience] } } },
    defaults: { authorizer: "jwt", throttle: { rate: requestsPerSecond, burst: 2 * requestsPerSecond } },
    accessLog: { retention: ({ 7: "one_week", 30: "one_month", 365: "one_year" } as const)[logDays] },
    cors: {
      allowOrigins: domain ? [`https://${domain.name}`, `https://console.${domain.name}`] : ["*"],
      allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
      allowHeaders: ["authorization", "content-type", "if-match", "if-none-match", "traceparent"],
      exposeHeaders: ["etag", "retry-after", "ratelimit", "ratelimit-policy"],
      maxAge: "1 hour",
    },
  });
  // Not by SST's own property: its construct asks for the address that this switches off.
  (made.cdk.httpApi.node.defaultChild as CfnApi).disableExecuteApiEndpoint = domain !== null;
  return made;
}

function addRoutes({ cell, api: made, publicUrl }: { cell: CellName; api: Api; publicUrl: string }): void {
  const scope = made.node.scope!;
  const logGroup = functionLogs(scope, "ApiLogs");
  const { ticketKey, originSecrets } = use(keys);
  const environment = {
    [variables.publicUrl]: publicUrl,
    [variables.ticketKey]: ticketKey,
    [variables.originSecret]: originSecrets.join(","),
  };
  const routeOf = (name: ApiRoute): ApiRouteProps<"jwt"> => ({
    authorizer: (routes[name] as Route).access === "public" ? "none" : "jwt",
    function: new Function(
      scope,
      `${name}-${cell}`,
      functionProps(scope, cell, {
        handler: `packages/functions/src/api/${fileOf(name)}.handler`,
        grants: ["enterDatabase", ...(grants[name] ?? [])],
        timeoutSeconds: apiTimeoutSeconds,
        environment,
        logGroup,
      }),
    ),
  });
  const names = (Object.keys(routes) as RouteName[]).filter((name) => name !== "readDocument");
  made.addRoutes(
    scope,
    Object.fromEntries(names.map((name) => [`${routes[name].method} ${routes[name].path}`, routeOf(name)])),
  );
}
