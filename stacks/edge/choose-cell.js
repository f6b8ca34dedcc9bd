// CloudFront Function (runtime 2.0): says whose request it is, and sends it to a cell by the weights in the store, such as
// {"even":90,"odd":10}. Beta people are marked by a cookie, and only a cell with a weight of its own, 0 included, may be asked for.
import cf from "cloudfront";

// oxlint-disable-next-line eslint/no-unused-vars -- CloudFront calls it by this name
async function handler(event) {
  const request = event.request;
  // In place of whatever the viewer wrote there: limits are counted by it.
  request.headers["x-viewer-address"] = { value: event.viewer.ip };
  let weights;
  try {
    weights = await cf.kvs().get("weights", { format: "json" });
  } catch {
    return request; // no weights yet: the active cell, which is the origin that the behaviour names
  }
  const kind = /^\/v1\/documents\/[^/]+\/content$/.test(request.uri) ? "reader" : "api";
  const wanted = request.cookies["strongroom-cell"] && request.cookies["strongroom-cell"].value;
  const cell = Object.keys(weights).includes(wanted) ? wanted : draw(weights, Math.random());
  if (cell) cf.selectRequestOriginById(`${kind}-${cell}`);
  return request;
}

function draw(weights, chance) {
  const cells = Object.keys(weights);
  const total = cells.reduce((sum, cell) => sum + weights[cell], 0);
  let left = chance * total;
  for (const cell of cells) {
    left -= weights[cell];
    if (left < 0) return cell;
  }
  return null;
}
