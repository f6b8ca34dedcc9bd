import { Command, InvalidArgumentError, Option } from "commander";
import { assumptions } from "../cost/assumptions.ts";
import { type CostReport, describeCost } from "../cost/describe-cost.ts";
import { breakEvens, type CostInput, estimateBill } from "../cost/estimate-cost.ts";
import { estimateSavings } from "../cost/estimate-savings.ts";
import { priceList } from "../cost/prices.ts";
import { type Cells, type StageName, stageNames, stageShapes } from "../cost/stage-shape.ts";
import { answer, type World } from "../world.ts";

const help = `
Examples:
  strongroom cost --docs 100000                                     production, as it is deployed
  strongroom cost --docs 2000 --stage staging --cells single
  strongroom cost --docs 100000 --size-mb 0.9 --pages 1 --retention-years 7 --json

Needs neither login nor network: prices are list prices that came with this program. Check a decision against the
AWS Pricing Calculator.`;

const note =
  `These are list prices of ${priceList.region} as known on ${priceList.date} from public documentation: first tier, on demand, ` +
  "without free tiers (but for Cognito's 10,000 users), discounts, support and tax. Check them against the AWS Pricing Calculator before you decide.";

type Options = {
  docs: number;
  stage: StageName;
  cells?: "single" | "dual";
  sizeMb: number;
  pages: number;
  retentionYears: number;
};

/** `strongroom cost`: what a load costs on AWS, by service, month and lifetime. */
export function costCommand(world: World): Command {
  return new Command("cost")
    .description("What it costs on AWS, by service and per 1,000 documents")
    .requiredOption("--docs <number>", "documents a day", numberIn(1, 100_000_000))
    .addOption(new Option("--stage <stage>", "which stage").choices(stageNames).default("production"))
    .addOption(
      new Option("--cells <cells>", "one cell, or two (default: the stage's)").choices(["single", "dual"]),
    )
    .option("--size-mb <number>", "megabytes of a document as sent", numberIn(0.001, 210), 3.2)
    .option("--pages <number>", "pages of a document, on average", numberIn(1, 50), 1.4)
    .option("--retention-years <number>", "years that it is kept", numberIn(0.1, 100), 10)
    .addHelpText("after", help)
    .action((options: Options) => {
      const report = reportCost(options);
      answer(world, report, describeCost(report));
    });
}

/** A number as typed, within limits; anything else is refused. */
function numberIn(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Give a number from ${least} to ${most}.`);
    }
    return value;
  };
}

function reportCost({ docs, stage, cells, sizeMb, pages, retentionYears }: Options): CostReport {
  const input: CostInput = {
    stage,
    cells: cells ?? stageShapes[stage].cells,
    documentsPerDay: docs,
    sizeBytes: Math.round(sizeMb * 1_000_000),
    pages,
    retentionDays: Math.round(retentionYears * 365),
  };
  return {
    prices: { ...priceList, note },
    input,
    bill: estimateBill(input),
    cells: {
      single: withCells(input, "single"),
      dual: withCells(input, "dual"),
      both: withCells(input, "both"),
    },
    breakEvens: breakEvens(input),
    savings: estimateSavings(input),
    assumptions,
  };
}

function withCells(input: CostInput, cells: Cells): CostReport["cells"][Cells] {
  const { firstYearUsd, fullUsd, lifetime } = estimateBill({ ...input, cells });
  return { firstYearUsd, fullUsd, lifetimeUsd: lifetime.totalUsd };
}
