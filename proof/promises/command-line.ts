/** What `read` makes of the command line; where it throws, the reason is told and the process ends with status 2. */
export function readOrRefuse<Wish>(read: (args: string[]) => Wish): Wish {
  try {
    return read(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(2);
  }
}

/** The value of an option, or what stands for it when it was not given; throws when that is no whole number from 0 on. */
export function wholeNumber(name: string, text: string | undefined, unless: number): number {
  const value = text === undefined ? unless : Number(text);
  if (text?.trim() === "" || !Number.isSafeInteger(value) || value < 0)
    throw new Error(`--${name} ${text} is no whole number`);
  return value;
}
