import type { FileUpload } from "@strongroom/core/api-shapes";
import type { LocalFile } from "./declare-files.ts";

/** How far an upload is. */
export type UploadProgress = {
  sentBytes: number;
  totalBytes: number;
  /** The file that moved; `position` counts from 1. `isSentNow`: this run sent some of it, so that it did not lie there before. */
  file: { path: string; position: number; sentBytes: number; sizeBytes: number; isSentNow: boolean };
};

export type Progress = ReturnType<typeof trackProgress>;

/** Counts what is on its way and what is there. A part that is sent again counts once. */
export function trackProgress(files: readonly LocalFile[], onProgress: (progress: UploadProgress) => void) {
  const totalBytes = files.reduce((sum, file) => sum + file.declaration.sizeBytes, 0);
  /** Of each file: bytes that are there, and bytes on their way by the offset of their part. */
  const pages = files.map(() => ({ thereBytes: 0, moving: new Map<number, number>() }));
  /** Positions of what this run sent something of, in any of its rounds. */
  const sentNow = new Set<number>();
  const pageAt = (position: number) => pages[position - 1]!;

  function sentOf(position: number): number {
    const { thereBytes, moving } = pageAt(position);
    return [...moving.values()].reduce((sum, bytes) => sum + bytes, thereBytes);
  }

  function tell(position: number): void {
    const { path, declaration } = files[position - 1]!;
    const sentBytes = pages.reduce((sum, _, index) => sum + sentOf(index + 1), 0);
    onProgress({
      sentBytes,
      totalBytes,
      file: {
        path,
        position,
        sentBytes: sentOf(position),
        sizeBytes: declaration.sizeBytes,
        isSentNow: sentNow.has(position),
      },
    });
  }

  return {
    /** The server says what is left: all else is there. Pages that it does not name are complete. */
    expect(uploads: readonly FileUpload[]): void {
      const left = new Map(
        uploads.map(({ position, requests }) => [
          position,
          requests.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        ]),
      );
      for (const [index, { declaration }] of files.entries()) {
        pages[index] = { thereBytes: declaration.sizeBytes - (left.get(index + 1) ?? 0), moving: new Map() };
        tell(index + 1);
      }
    },
    /** A part begins, or begins again. */
    start(position: number, offset: number): void {
      sentNow.add(position);
      pageAt(position).moving.set(offset, 0);
    },
    advance(position: number, offset: number, bytes: number): void {
      const { moving } = pageAt(position);
      moving.set(offset, (moving.get(offset) ?? 0) + bytes);
      tell(position);
    },
    /** A part is there, whether it was sent now or lay there before. */
    finish(position: number, offset: number, sizeBytes: number): void {
      pageAt(position).moving.set(offset, sizeBytes);
      tell(position);
    },
  };
}
