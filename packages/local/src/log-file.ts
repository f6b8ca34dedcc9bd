import { createWriteStream, renameSync, statSync, type WriteStream } from "node:fs";

/** Above this a log is put aside, in the place of the one that was before. */
export const logLimitBytes = 16 * 1024 * 1024;

/** Where a log lies that was put aside. */
export const asideOf = (path: string): string => `${path}.old`;

/**
 * Writes lines to the end of a file that its user alone may read; above 16 MiB, also those of an earlier start, it is put aside.
 * What the disk does not take is lost, and the next line is tried anew.
 */
export function writeLogFile(path: string): (line: string) => void {
  let file: WriteStream | null = null; // opened by the first line: by then the directory is there
  let sizeBytes = 0;
  const open = (): WriteStream => {
    sizeBytes = sizeOf(path);
    if (sizeBytes > logLimitBytes && putAside(path)) sizeBytes = 0;
    const opened = createWriteStream(path, { flags: "a", mode: 0o600 });
    return opened.on("error", () => (file = file === opened ? null : file)); // a disk that was full may have room for the next line
  };
  return (line) => {
    file ??= open();
    file.write(line);
    sizeBytes += Buffer.byteLength(line);
    if (sizeBytes <= logLimitBytes || file.pending || !putAside(path)) return;
    file.end(); // what it has not written yet goes where its file is now
    file = null;
  };
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0; // it is not there, or opening it will say what is wrong
  }
}

/** Where that cannot be done, the log goes on as it is. */
function putAside(path: string): boolean {
  try {
    renameSync(path, asideOf(path));
    return true;
  } catch {
    return false;
  }
}
