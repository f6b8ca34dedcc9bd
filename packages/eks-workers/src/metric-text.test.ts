import { expect, it } from "vitest";
import { type Metric, writeMetrics } from "./metric-text.ts";

const metric = (samples: Metric["samples"], help = "How many."): Metric => ({
  name: "strongroom_documents_total",
  help,
  type: "counter",
  samples,
});

it("a metric is its help, its type and a line for each sample, and the text ends with a line feed", () => {
  const samples = [{ labels: { outcome: "stored", queue: "late" }, value: 2 }, { value: 0.25 }];
  expect(writeMetrics([metric(samples), { ...metric([{ value: 1 }]), name: "other", type: "gauge" }])).toBe(
    `# HELP strongroom_documents_total How many.
# TYPE strongroom_documents_total counter
strongroom_documents_total{outcome="stored",queue="late"} 2
strongroom_documents_total 0.25
# HELP other How many.
# TYPE other gauge
other 1
`,
  );
});

it("quotes, backslashes and line feeds in a label cannot end it or begin another line", () => {
  const line = writeMetrics([metric([{ labels: { name: 'a"b\\c\nd{e="f"} 9' }, value: 1 }])]).split("\n")[2];
  expect(line).toBe(String.raw`strongroom_documents_total{name="a\"b\\c\nd{e=\"f\"} 9"} 1`);
});

it("a help text stays on its line, with its quotes as they are", () => {
  const [help] = writeMetrics([metric([{ value: 1 }], 'one\ntwo \\ "three"')]).split("\n");
  expect(help).toBe(String.raw`# HELP strongroom_documents_total one\ntwo \\ "three"`);
});

it.each([
  [Infinity, "+Inf"],
  [-Infinity, "-Inf"],
  [NaN, "NaN"],
  [0, "0"],
  [1e21, "1e+21"],
])("the value %d is written %s", (value, text) => {
  expect(writeMetrics([metric([{ value }])])).toContain(`_total ${text}\n`);
});

it("what has no samples is not told of", () => {
  expect(writeMetrics([metric([])])).toBe("");
});
