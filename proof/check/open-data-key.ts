/*
 * Opens a wrapped data key with the root key file of an embedded deployment: nothing but node:crypto.
 *
 *   node proof/check/open-data-key.ts ROOT_KEY_FILE WRAPPED name=value …      prints 64 hex digits
 *
 * WRAPPED is a file of 77 bytes: format 1 (=1) · root key id 16 · IV 12 · data key 32, AES-256-GCM · tag 16.
 * Additional data: the first 17 bytes, then the number of pairs of the context (2 bytes), then, in byte order of the names,
 * each name and value in UTF-8 behind its length (2 bytes). The root key file is JSON; `key` is in hex.
 */
import { createDecipheriv } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";

/** The data key, 32 bytes. Throws when file, wrapped bytes and context do not belong together. */
export function openDataKey(
  rootKeyFile: string,
  wrapped: Uint8Array,
  context: Record<string, string>,
): Buffer {
  const root: { keyId: string; key: string } = JSON.parse(rootKeyFile);
  const bytes = Buffer.from(wrapped);
  if (bytes.length !== 77 || bytes[0] !== 1) throw new Error("not a wrapped data key of format 1");
  const keyId = bytes.toString("hex", 1, 17);
  if (keyId !== root.keyId) throw new Error(`wrapped under root key ${keyId}, not ${root.keyId}`);
  const decipher = createDecipheriv("aes-256-gcm", Buffer.from(root.key, "hex"), bytes.subarray(17, 29), {
    authTagLength: 16,
  });
  decipher
    .setAAD(Buffer.concat([bytes.subarray(0, 17), contextBytes(context)]))
    .setAuthTag(bytes.subarray(61));
  return Buffer.concat([decipher.update(bytes.subarray(29, 61)), decipher.final()]);
}

function contextBytes(context: Record<string, string>): Buffer {
  const names = Object.keys(context).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const texts = names.flatMap((name) => [name, context[name]!]).map((text) => Buffer.from(text));
  return Buffer.concat([uint16(names.length), ...texts.flatMap((text) => [uint16(text.length), text])]);
}

const uint16 = (value: number) => Buffer.of(value >> 8, value & 0xff);

// Not import.meta.main: an older Node would do nothing, and call it success.
if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  const [rootKeyFile, wrappedFile, ...pairs] = process.argv.slice(2);
  if (!rootKeyFile || !wrappedFile)
    throw new Error("usage: node open-data-key.ts ROOT_KEY_FILE WRAPPED name=value …");
  const context = Object.fromEntries(
    pairs.map((pair) => [pair.split("=", 1)[0]!, pair.slice(pair.indexOf("=") + 1)]),
  );
  const dataKey = openDataKey(readFileSync(rootKeyFile, "utf8"), readFileSync(wrappedFile), context);
  process.stdout.write(`${dataKey.toString("hex")}\n`);
}
