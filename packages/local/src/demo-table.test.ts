import { widthOf } from "@strongroom/cli/table";
import { legibilityReasons } from "@strongroom/core/document/rendering";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type DemoRow, formatDemoEnd, formatDemoMoment, formatDemoTable } from "./demo-table.ts";

const stored: DemoRow = {
  label: "three photographed pages",
  pageCount: 3,
  state: "stored",
  reason: null,
  legibility: [
    { page: 1, reasons: [] },
    { page: 2, reasons: ["blurred"] },
    { page: 3, reasons: [] },
  ],
  sizeBytes: 2_913_134,
  storedBytes: 4_100_000,
  tookMs: 1_234,
  confirmationCode: "ACDE-FGHJ",
  faults: [],
};
const refused: DemoRow = {
  ...stored,
  label: "broken file",
  pageCount: null,
  state: "rejected",
  reason: "unsupported_type",
  legibility: null,
  sizeBytes: 812,
  storedBytes: null,
  confirmationCode: null,
};

test("the table tells of each document what became of it", () => {
  expect(formatDemoTable([stored, refused])).toEqual([
    "document                  pages  state     reason            legibility     size   stored  seconds  code",
    "─".repeat(109),
    "three photographed pages      3  stored    –                 p2 blurred  2.91 MB  4.10 MB     1.23  ACDE-FGHJ",
    "broken file                   –  rejected  unsupported type  –             812 B        –     1.23  –",
  ]);
});

test("no row is wider than 120 columns, whatever the names and findings", () => {
  const anyRow: fc.Arbitrary<DemoRow> = fc.record({
    label: fc.string({ unit: "grapheme", maxLength: 300 }),
    pageCount: fc.option(fc.nat(25_000)),
    state: fc.constantFrom("stored", "rejected", "processing", "NOT AS IT SHOULD BE"),
    reason: fc.option(
      fc.constantFrom(
        "unsupported_type",
        "checksum_mismatch",
        "a_reason_that_is_much_longer_than_its_column",
      ),
    ),
    legibility: fc.option(
      fc.array(
        fc.record({ page: fc.integer({ min: 1, max: 500 }), reasons: fc.subarray([...legibilityReasons]) }),
      ),
    ),
    sizeBytes: fc.nat(209_715_200),
    storedBytes: fc.option(fc.nat(400_000_000)),
    tookMs: fc.nat(100_000_000),
    confirmationCode: fc.constantFrom(null, "ACDE-FGHJ"),
    faults: fc.constant([]),
  });
  fc.assert(
    fc.property(fc.array(anyRow), (rows) => formatDemoTable(rows).every((line) => widthOf(line) <= 120)),
  );
});

test("a long name keeps its beginning and its end", () => {
  const [, , row] = formatDemoTable([{ ...stored, label: "IMG_20251120_140309_delivery-note.jpeg" }]);
  expect(row).toMatch(/^IMG_20251120_140…te\.jpeg /);
});

test("findings that have no room are counted, so that none goes unsaid", () => {
  const pages = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ page: index + 1, reasons: ["dark"] as const }));
  const shown = (count: number) => formatDemoTable([{ ...stored, legibility: pages(count) }])[2];
  expect(shown(2)).toContain("  p1 dark, p2 dark  ");
  expect(shown(5)).toContain("  p1 dark +4  ");
  expect(formatDemoTable([{ ...stored, legibility: [{ page: 1, reasons: [] }] }])[2]).toContain(
    "  readable  ",
  );
});

test("a line of progress has its place for time, name and state, and a bar while it is sent", () => {
  const moment = { label: "iPhone HEIC", state: "processing", sinceMs: 3_456 };
  expect(formatDemoMoment(moment)).toBe(`   3.46 s  iPhone HEIC${" ".repeat(23)}processing`);
  const sent = (sentBytes: number) =>
    formatDemoMoment({ ...moment, state: "sending", sent: { sentBytes, totalBytes: 200 } });
  expect(sent(0)).toContain("sending  [····················]   0 %");
  expect(sent(199)).toContain("[███████████████████·]  99 %");
  expect(sent(200)).toContain("[████████████████████] 100 %");
  expect(
    widthOf(
      formatDemoMoment({
        ...moment,
        label: "x".repeat(300),
        state: "y".repeat(300),
        sent: { sentBytes: 1, totalBytes: 1 },
      }),
    ),
  ).toBeLessThanOrEqual(120);
});

test("the end counts what ended how and names everything that did not hold", () => {
  expect(formatDemoEnd([stored, stored, refused], 4.25)).toEqual([
    "3 documents, 5.83 MB: 2 stored, 1 rejected; 4.3 s. Everything held.",
  ]);
  const broken = { ...refused, faults: ["is rejected, should be stored", "has no reason"] };
  expect(formatDemoEnd([stored, broken], 1)).toEqual([
    "2 documents, 2.91 MB: 1 stored, 1 rejected; 1.0 s. 2 things did not hold:",
    "  broken file: is rejected, should be stored",
    "  broken file: has no reason",
  ]);
});
