import { Key } from "aws-cdk-lib/aws-kms";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";
import type { Construct } from "constructs";

/** 32 random bytes in hex, made once and known to nobody; given to functions by a reference that CloudFormation resolves. */
export function randomHex(
  scope: Construct,
  id: string,
  { description, keyArn }: { description: string; keyArn: string },
): string {
  const secret = new Secret(scope, id, {
    description,
    encryptionKey: Key.fromKeyArn(scope, `${id}Rest`, keyArn),
    generateSecretString: {
      passwordLength: 64,
      excludeUppercase: true,
      excludePunctuation: true,
      excludeCharacters: "ghijklmnopqrstuvwxyz",
      requireEachIncludedType: false,
    },
  });
  return secret.secretValue.unsafeUnwrap();
}
