import { glob, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { describeApi } from "./openapi.ts";
import { problemCodes } from "./problem-codes.ts";

const packages = fileURLToPath(new URL("../../", import.meta.url));
/** All that answers a request; the rest of packages/local starts it. */
const answering = ["core/src/**/*.ts", "functions/src/**/*.ts", "local/src/http*.ts"];

/** Where a refusal begins with its code as a text, and the status that it has unless it says another. */
const beginnings = /(new Refusal|super|tooLarge)\(\s*"([a-z_]+)"/g;
const defaults: Record<string, number> = { "new Refusal": 422, super: 422, tooLarge: 413 };
/** Their status stands beside them: a refusal has none that is our fault. */
const ours = ["internal 500", "damaged 500"];

/** Told to whoever starts a process, by its end; no request meets them. */
const atStart = ["configuration_invalid", "tls_required"];

/** What every refusal in the sources is told by: its code and its status. */
let thrown: Set<string>;
beforeAll(async () => {
  thrown = new Set(ours);
  for await (const path of glob(answering, { cwd: packages, exclude: ["**/*.test.ts"] })) {
    const text = await readFile(`${packages}${path}`, "utf8");
    for (const found of text.matchAll(beginnings)) {
      const status = /status: (\d{3})/.exec(callAt(text, found.index))?.[1] ?? defaults[found[1]!];
      if (!ours.includes(`${found[2]} 500`)) thrown.add(`${found[2]} ${status}`);
    }
  }
});

/** The text of the call that begins there, to the bracket that ends it. */
function callAt(text: string, from: number): string {
  let depth = 0;
  for (let at = text.indexOf("(", from); at < text.length; at++) {
    if (text[at] === "(") depth++;
    if (text[at] === ")" && --depth === 0) return text.slice(from, at);
  }
  throw new Error(`a call has no end: ${text.slice(from, from + 80)}`);
}

test("every code of a Refusal in the sources is described with its status, and no other is", () => {
  const described = [...problemCodes].map(([code, { status }]) => `${code} ${status}`);
  const met = [...thrown].filter((line) => !atStart.some((code) => line.startsWith(`${code} `)));
  expect(described.toSorted()).toEqual(met.toSorted());
  expect(met.length).toBeGreaterThan(40);
});

test("the description of the API lists them all, each with what to do", () => {
  const { components } = describeApi("https://strongroom.example") as {
    components: { responses: { Problem: { description: string } } };
  };
  const lines = components.responses.Problem.description.split("\n");
  for (const [code, { status, remedy }] of problemCodes) {
    expect(lines).toContain(`| \`${code}\` | ${status} | ${remedy} |`);
    expect(remedy).toMatch(/^[A-Z][^|\n]+\.$/);
  }
});
