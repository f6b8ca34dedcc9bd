import type { RenderedFile } from "./render-files.ts";
import type { RenderedPage } from "./rendering.ts";

/** Pages over all files; a file that could not be opened counts as one. */
export function countPages(files: RenderedFile[]): number {
  return files.reduce((sum, file) => sum + pagesOf(file), 0);
}

/** Each file with the number of its first page, as a person counts over the whole document: from 1, unseen pages too. */
export function numberFiles(files: RenderedFile[]): { file: RenderedFile; firstPage: number }[] {
  return files.map((file, index) => ({ file, firstPage: countPages(files.slice(0, index)) + 1 }));
}

/** The pages that can be shown, with their numbers in the document; there are gaps where one cannot. */
export function numberPages(files: RenderedFile[]): { number: number; page: RenderedPage }[] {
  return numberFiles(files).flatMap(({ file, firstPage }) =>
    file.pages.map((page, index) => ({ number: firstPage + index, page })),
  );
}

const pagesOf = ({ pageCount, pages }: RenderedFile): number => Math.max(pageCount ?? 1, pages.length);
