import { PostgresQueryCompiler, type RawNode, type RootOperationNode } from "kysely";
import { build } from "./build.ts";
import { Builder } from "./builder.ts";

/** The SQL of what was run over each database since the last look, sorted. */
export type Texts = { real: string[]; model: string[] };

/**
 * Writes down as SQL what kysely is told to run on PostgreSQL, and what its stand-in is told to run on the simulated database.
 * Answers a look at both, and how to end it.
 */
export function writeDown(): { look(): Texts; end(): void } {
  const texts: Texts = { real: [], model: [] };
  const compiler = new PostgresQueryCompiler();
  const { compileQuery } = compiler;
  const textOf = (node: RootOperationNode) => compileQuery.call(compiler, node, { queryId: "" }).sql;
  PostgresQueryCompiler.prototype.compileQuery = function (node, queryId) {
    const compiled = compileQuery.call(this, node, queryId);
    texts.real.push(compiled.sql);
    return compiled;
  };
  const { execute, executeTakeFirst, getExecutor } = Builder.prototype;
  const told = (statement: Builder) =>
    texts.model.push(textOf(build(statement, (value) => value) as RootOperationNode));
  Object.assign(Builder.prototype, {
    execute(this: Builder) {
      told(this);
      return execute.call(this);
    },
    executeTakeFirst(this: Builder) {
      told(this);
      return executeTakeFirst.call(this);
    },
    getExecutor(this: Builder) {
      const executor = getExecutor.call(this);
      const executeQuery = (node: RawNode) => {
        texts.model.push(textOf(node as unknown as RootOperationNode));
        return executor.executeQuery(node);
      };
      return { ...executor, executeQuery };
    },
  });
  return {
    look: () => ({ real: texts.real.splice(0).toSorted(), model: texts.model.splice(0).toSorted() }),
    end: () => {
      Object.assign(Builder.prototype, { execute, executeTakeFirst, getExecutor });
      delete (PostgresQueryCompiler.prototype as Partial<PostgresQueryCompiler>).compileQuery;
    },
  };
}
