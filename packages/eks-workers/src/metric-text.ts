/** One value, told apart from others of its metric by labels. */
export type Sample = { labels?: Record<string, string>; value: number };

/** A metric as a scrape reads it; counters only rise while the process lives. */
export type Metric = { name: string; help: string; type: "counter" | "gauge"; samples: readonly Sample[] };

/** What `/metrics` says it is. */
export const metricsType = "text/plain; version=0.0.4; charset=utf-8";

/** Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats, 0.0.4). A metric without samples is left out. */
export function writeMetrics(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) =>
      [
        `# HELP ${name} ${escape(help)}`,
        `# TYPE ${name} ${type}`,
        ...samples.map((sample) => `${name}${writeLabels(sample.labels ?? {})} ${writeValue(sample.value)}`),
        "",
      ].join("\n"),
    )
    .join("");
}

function writeLabels(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escape(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Go's spelling of what is no finite number. */
function writeValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

const escape = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
