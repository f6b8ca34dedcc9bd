import { Command, CommanderError } from "commander";
import { auditCommand } from "./commands/audit.ts";
import { costCommand } from "./commands/cost.ts";
import { eraseCommand } from "./commands/erase.ts";
import { holdCommand } from "./commands/hold.ts";
import { loginCommand } from "./commands/login.ts";
import { readCommand } from "./commands/read.ts";
import { redriveCommand } from "./commands/redrive.ts";
import { statusCommand } from "./commands/status.ts";
import { traceCommand } from "./commands/trace.ts";
import { uploadCommand } from "./commands/upload.ts";
import { verifyCommand } from "./commands/verify.ts";
import { defaultPatience, type Patience } from "./patience.ts";
import { type ExitCode, exitCodeOf, exitCodes, UsageProblem } from "./problems.ts";
import { readSettings } from "./settings.ts";
import { reportFailure, type World } from "./world.ts";

/** What a process hands to its program. */
export type ProgramInput = Pick<World, "stdout" | "stderr" | "stdin" | "signal"> & {
  environment: Record<string, string | undefined>;
  home: string;
  patience?: Patience;
  now?: () => Date;
};

const about = `Upload documents and prove what became of them.

  strongroom login --url https://docs.example.com      once
  strongroom upload cmr-1.jpg cmr-2.jpg --kind cmr     one document, two pages
  strongroom status                                    where my documents are`;

const afterHelp = `
Environment:
  STRONGROOM_URL, STRONGROOM_TOKEN    go before what "strongroom login" stored

Exit codes:
  0 done    1 refused, or not verified    2 not understood    3 server cannot be reached    130 stopped

With --json, standard output is one JSON document and each failure is problem details (RFC 9457) on standard error.`;

/** Runs one command line; answers with its exit code and never rejects. */
export async function runProgram(argv: readonly string[], input: ProgramInput): Promise<ExitCode> {
  const json = argv.includes("--json");
  let code: ExitCode = exitCodes.ok;
  try {
    const { environment, home, patience = defaultPatience, now = () => new Date(), ...outlets } = input;
    const settings = readSettings(environment, home);
    const world: World = { ...outlets, settings, json, patience, now, exitWith: (given) => (code = given) };
    await createProgram(world).parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodes.ok; // help or version was asked for
    reportFailure({ stderr: input.stderr, json }, error);
    return exitCodeOf(error);
  }
}

function createProgram(world: World): Command {
  const program = new Command("strongroom")
    .description(about)
    .version("0.1.0")
    .option("--json", "answer with one JSON document")
    .addHelpText("after", afterHelp);
  const commands = [
    loginCommand,
    uploadCommand,
    statusCommand,
    readCommand,
    verifyCommand,
    traceCommand,
    redriveCommand,
    holdCommand,
    eraseCommand,
    auditCommand,
    costCommand,
  ];
  for (const make of commands) program.addCommand(make(world));
  for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)]) {
    command
      .exitOverride((error) => {
        throw error.exitCode === 0 ? error : usageOf(error, command);
      })
      .configureHelp({ showGlobalOptions: true })
      .configureOutput({ writeOut: (text) => world.stdout.write(text), writeErr: () => {} });
  }
  return program;
}

/** Commander says "error: …" and, for no command at all, nothing: its whole help is then what to say. */
function usageOf({ code, message }: CommanderError, command: Command): UsageProblem {
  const see = `See: ${nameOf(command)} --help`;
  if (code === "commander.help") return new UsageProblem(`Say what to do. ${see}`);
  const sentence = message
    .replace(/^error: /, "")
    .replace(/\s+/g, " ")
    .replace(/\.?$/, ".");
  return new UsageProblem(`${sentence[0]!.toUpperCase()}${sentence.slice(1)} ${see}`);
}

/** `strongroom audit verify`: a command's name as it is typed. */
const nameOf = (command: Command): string =>
  command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
