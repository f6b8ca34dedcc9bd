import type { Plant } from "../plants.ts";

/**
 * Lets every `(eb) => …` of a statement have the same builder. Kysely makes one for each, of some forty functions; it keeps
 * nothing, so that one serves all: some 3 % of a history.
 */
export const oneExpressionBuilder: Plant = {
  name: "one expression builder",
  patches: [
    {
      file: "node_modules/kysely/dist/expression/expression-builder.js",
      find: "export function expressionBuilder(_) {\n    return createExpressionBuilder();\n}",
      replace:
        "const one = createExpressionBuilder();\nexport function expressionBuilder(_) {\n    return one;\n}",
    },
  ],
};
