import { readdirSync } from "node:fs";
import { routes } from "@strongroom/core/api";
import { expect, test } from "vitest";
import { handlers } from "./handlers.ts";

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const filesIn = (folder: string) =>
  readdirSync(new URL(`${folder}/`, import.meta.url)).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts"),
  );
/** The reader streams, so it is a function of its own beside the API. */
const folderOf = (name: string) => (name === "readDocument" ? "reader" : "api");

test("each route has its handler, loaded from the file that bears its name", async () => {
  expect(Object.keys(handlers)).toEqual(Object.keys(routes));
  for (const [name, load] of Object.entries(handlers)) {
    const { handler } = await load();
    expect(handler).toBeTypeOf("function");
    const named = (await import(`./${folderOf(name)}/${kebab(name)}.ts`)) as { handler: unknown };
    expect(named.handler, name).toBe(handler);
  }
});

test("each file of a handler belongs to a route", () => {
  const named = Object.keys(routes).map((name) => `${kebab(name)}.ts`);
  expect(filesIn("api").sort()).toEqual(named.filter((file) => file !== "read-document.ts").sort());
});
