/**
 * Names under which a connection keeps its plans: PostgreSQL then parses and plans a statement once per connection, which
 * is more than half of what short ones cost it (our measurement). What has a name never changes its text.
 */
export class StatementNames {
  /** Statements that are kept: more are different only in the length of a list. */
  static readonly most = 200;
  readonly #names = new Map<string, string>();
  #generation = 0;

  /** Undefined for a text beyond the limit: it is planned each time. */
  of(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= StatementNames.most) return known;
    const name = `strongroom_${this.#generation}_${this.#names.size}`;
    this.#names.set(text, name);
    return name;
  }

  /**
   * Whether a migration gave a table more columns, so that PostgreSQL refuses the plans of before. All names are new then:
   * the same work, done again, finds no old plan on any connection.
   */
  forget(error: unknown): boolean {
    if (!isStalePlan(error)) return false;
    this.#names.clear();
    this.#generation += 1;
    return true;
  }
}

const isStalePlan = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "0A000" && /cached plan/.test(error.message);
