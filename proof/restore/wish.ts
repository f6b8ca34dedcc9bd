import { parseArgs } from "node:util";
import { wholeNumber } from "../promises/command-line.ts";

/** What the promise is made of: documents of so many bytes, and how many only staging knows. Less proves nothing of it. */
const promised = { documents: 10_000, bytes: 30_000, forgotten: 100 };

/** What the command line asks for. */
export type Wish = typeof promised & { record: boolean };

/** Reads the command line; throws on what it does not know, and on a record of less than is promised. */
export function readWish(args: string[]): Wish {
  const { values } = parseArgs({
    args,
    options: {
      documents: { type: "string" },
      bytes: { type: "string" },
      forgotten: { type: "string" },
      record: { type: "boolean", default: false },
    },
  });
  const size = {
    documents: wholeNumber("documents", values.documents, promised.documents),
    bytes: wholeNumber("bytes", values.bytes, promised.bytes),
    forgotten: wholeNumber("forgotten", values.forgotten, promised.forgotten),
  };
  const isLess = (Object.keys(promised) as (keyof typeof promised)[]).some(
    (what) => size[what] < promised[what],
  );
  if (values.record && isLess)
    throw new Error(
      `--record keeps no less than ${promised.documents} documents of ${promised.bytes} bytes, and ${promised.forgotten} that only staging knows`,
    );
  return { ...size, record: values.record };
}
