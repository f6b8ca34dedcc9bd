import { Repository, RepositoryEncryption, TagMutability } from "aws-cdk-lib/aws-ecr";
import { Role, WebIdentityPrincipal } from "aws-cdk-lib/aws-iam";
import { Aws, Duration } from "aws-cdk-lib/core";
import { type StackContext, use } from "sst/constructs";
import { argo } from "./argo-cd.ts";
import { cluster } from "./cluster.ts";
import { deployStatements } from "./deploy-role.ts";
import { dataRemoval } from "./retention.ts";
import { cellScope, currentSite, currentStage } from "./settings.ts";

/** From a merged commit to running pods: images, the role that GitHub deploys with, and Argo CD, which pulls the rest. */
export function delivery({ stack }: StackContext) {
  const stage = currentStage(stack);
  if (stage.base !== "own") return { workers: null };
  const workers = new Repository(stack, "Workers", {
    repositoryName: `strongroom/${stage.name}/workers`,
    imageScanOnPush: true,
    imageTagMutability: TagMutability.IMMUTABLE,
    encryption: RepositoryEncryption.AES_256,
    removalPolicy: dataRemoval(stage),
    emptyOnDelete: !stage.protects,
    lifecycleRules: [{ description: "rollback needs the last ones", maxImageCount: 100 }],
  });
  const { repository } = currentSite();
  stack.addOutputs({ Images: workers.repositoryUri });
  if (repository === null) return { workers };
  const deployer = githubRole(stack, workers, repository);
  for (const cell of stage.cells)
    argo(cellScope(stack, cell), { cell, cluster: use(cluster)!(cell), repository });
  stack.addOutputs({ DeployRole: deployer.roleArn });
  return { workers };
}

/** The account's provider, made once by its administrator (docs/deploy.md): an account takes one, and has more stages than one. */
const github = "token.actions.githubusercontent.com";

/** Only this repository, only in the GitHub environment of this stage (which asks for approval), only from main or a release tag. */
function githubRole(stack: StackContext["stack"], workers: Repository, repository: string): Role {
  const providerArn = `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:oidc-provider/${github}`;
  const claim = (name: string) => `${github}:${name}`;
  const role = new Role(stack, "Deployer", {
    maxSessionDuration: Duration.hours(2),
    assumedBy: new WebIdentityPrincipal(providerArn, {
      StringEquals: {
        [claim("aud")]: "sts.amazonaws.com",
        [claim("sub")]: `repo:${repository}:environment:${stack.stage}`,
      },
      StringLike: { [claim("ref")]: ["refs/heads/main", "refs/tags/v*"] },
    }),
  });
  for (const statement of deployStatements(stack)) role.addToPolicy(statement);
  workers.grantPullPush(role);
  return role;
}
