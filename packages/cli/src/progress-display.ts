import { basename } from "node:path";
import cliProgress from "cli-progress";
import type { LocalFile } from "./declare-files.ts";
import type { UploadProgress } from "./upload-progress.ts";
import { shorten } from "./table.ts";
import { countOf, formatBytes, nounOf } from "./words.ts";
import { harmless, say, type World } from "./world.ts";

/** More bars than this would push each other off the screen: one bar for all of them then. */
const maxBars = 8;
const nameWidth = 28;

/** Shows an upload: bars for a person at a terminal, one line per file elsewhere, nothing with `--json`. */
export type ProgressDisplay = { show(progress: UploadProgress): void; stop(): void };

/** Opens the display of one document with these files; whoever opens it stops it. */
export function openProgress(world: World, files: readonly LocalFile[]): ProgressDisplay {
  const noun = nounOf(files.map(({ declaration }) => declaration.mediaType));
  if (world.json || world.stderr.isTTY !== true) return openLines(world, files.length, noun);
  return openBars(world, files.length, noun);
}

function openLines(world: World, count: number, noun: string): ProgressDisplay {
  const done = new Set<number>();
  return {
    show({ file }) {
      if (file.sentBytes < file.sizeBytes || done.has(file.position)) return;
      done.add(file.position);
      const facts = [
        `${noun} ${file.position} of ${count}`,
        basename(file.path),
        formatBytes(file.sizeBytes),
      ];
      say(world, [...facts, file.isSentNow ? "sent" : "was there"].join("  "));
    },
    stop() {},
  };
}

function openBars(world: World, count: number, noun: string): ProgressDisplay {
  const together = count > maxBars;
  const bars = new cliProgress.MultiBar({
    stream: world.stderr as unknown as NodeJS.WritableStream,
    format: " {name} [{bar}] {percentage}%  {sent} of {size}",
    hideCursor: true,
    clearOnComplete: false,
    gracefulExit: false, // the command itself hears Ctrl-C, and says how to go on
  });
  const open = new Map<number, cliProgress.SingleBar>();
  return {
    show({ file, sentBytes, totalBytes }) {
      const at = together ? 0 : file.position;
      const [sent, size] = together ? [sentBytes, totalBytes] : [file.sentBytes, file.sizeBytes];
      const name = together ? countOf(count, noun) : `${file.position} ${harmless(basename(file.path))}`;
      const payload = {
        name: shorten(name, nameWidth).padEnd(nameWidth),
        sent: formatBytes(sent),
        size: formatBytes(size),
      };
      const bar = open.get(at);
      if (bar === undefined) open.set(at, bars.create(size, sent, payload));
      else bar.update(sent, payload);
    },
    stop: () => bars.stop(),
  };
}
