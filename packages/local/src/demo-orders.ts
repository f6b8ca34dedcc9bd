import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { UploadOrder } from "@strongroom/cli/upload-document";
import { Refusal } from "@strongroom/core/errors";
import { systemIds } from "@strongroom/core/ids";

/** One document of the demo: who sends what, and what has to become of it (null: whatever it is, it has to be said). */
export type DemoOrder = {
  label: string;
  driver: number;
  order: UploadOrder;
  expected: DemoOutcome | null;
  afterAll: boolean;
};
export type DemoOutcome = {
  state: "stored" | "rejected";
  reason?: string;
  verdict?: string;
  pages?: number;
  isDuplicate?: boolean;
};

const samples = join(import.meta.dirname, "..", "samples");

type Sample = {
  label: string;
  driver: number;
  kind: string;
  files: string[];
  expected: DemoOutcome;
  afterAll?: boolean;
};

/** The mixed batch: drivers 0 and 1 of one tenant, driver 2 of the other. */
const batch: Sample[] = [
  {
    label: "single photo",
    driver: 0,
    kind: "proof-of-delivery",
    files: ["delivery-note.jpg"],
    expected: { state: "stored", pages: 1 },
  },
  {
    label: "three photographed pages",
    driver: 1,
    kind: "cmr",
    files: ["cmr-1.jpg", "cmr-2.jpg", "cmr-3.jpg"],
    expected: { state: "stored", pages: 3 },
  },
  {
    label: "iPhone HEIC",
    driver: 2,
    kind: "licence",
    files: ["licence.heic"],
    expected: { state: "stored", pages: 1 },
  },
  {
    label: "PDF",
    driver: 2,
    kind: "invoice",
    files: ["invoice.pdf"],
    expected: { state: "stored", pages: 2 },
  },
  {
    label: "blurred photo",
    driver: 0,
    kind: "receipt",
    files: ["blurred.jpg"],
    expected: { state: "stored", verdict: "blurred" },
  },
  {
    label: "broken file",
    driver: 1,
    kind: "other",
    files: ["broken.jpg"],
    expected: { state: "rejected", reason: "unsupported_type" },
  },
  {
    label: "duplicate of the single photo",
    driver: 1,
    kind: "proof-of-delivery",
    files: ["delivery-note.jpg"],
    expected: { state: "stored", isDuplicate: true },
    afterAll: true,
  },
];

/** The samples, then, by absolute path, every given file (and every file below a given folder) as a document of its own. */
export async function listOrders(paths: readonly string[]): Promise<DemoOrder[]> {
  const given = (await Promise.all(paths.map(listFiles))).flat().toSorted();
  return [
    ...batch.map(({ label, driver, kind, files, expected, afterAll = false }) => {
      const order = {
        id: systemIds.uuid(),
        kind,
        loadNumber: "DEMO-1",
        paths: files.map((file) => join(samples, file)),
      };
      return { label, driver, order, expected, afterAll };
    }),
    ...given.map((path, index) => {
      const order = { id: systemIds.uuid(), kind: "other", paths: [path] };
      return { label: basename(path), driver: index % 3, order, expected: null, afterAll: false };
    }),
  ];
}

async function listFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (!["ENOENT", "ENOTDIR"].includes(error.code ?? "")) throw error;
    throw new Refusal("no_such_file", `There is no file or folder ${path}.`);
  });
  if (found.isFile()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
