type Value = string | number | Value[] | { [name: string]: Value };

const escaped = (text: string): string =>
  text.replace(/[<>&]/g, (sign) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[sign]!);

/** XML as AWS's query services write it: a list has its items in `member`. */
export function xml(name: string, value: Value): string {
  if (Array.isArray(value)) return `<${name}>${value.map((item) => xml("member", item)).join("")}</${name}>`;
  if (typeof value === "object")
    return `<${name}>${Object.entries(value)
      .map(([child, of]) => xml(child, of))
      .join("")}</${name}>`;
  return `<${name}>${escaped(String(value))}</${name}>`;
}
