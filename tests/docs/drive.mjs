// Drives the module of docs/spa-and-mobile.md as a page would, and cuts its line in the middle.
import { paygraph, Refused } from "./paygraph.mjs";

const [given] = process.argv.slice(2);
const { url, publishableKey, order, other, sandbox, origin } = JSON.parse(given);

const fetched = globalThis.fetch;
let lines = 0;
globalThis.fetch = async (address, options) => {
  const answer = await fetched(address, { ...options, headers: { ...options.headers, Origin: origin } });
  if (options.headers.Accept !== "text/event-stream" || !answer.ok || ++lines > 1) return answer;
  let messages = 0;
  const cut = new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      messages += new TextDecoder().decode(chunk).split("event: next").length - 1;
      if (messages >= 2) controller.error(new TypeError("the line was cut"));
    },
  });
  return new Response(answer.body.pipeThrough(cut), { status: answer.status, headers: answer.headers });
};

const shop = paygraph({ url, publishableKey });
const page = await shop.checkout(order);
const session = page.match(/cs_test_[0-9A-Za-z]+/)[0];
const seen = [];
for await (const update of shop.follow(order)) {
  seen.push({ version: update.version, type: update.event?.type ?? null, status: update.order.status });
  if (seen.length === 1) await fetched(`${sandbox}/sandbox/sessions/${session}/pay`, { method: "POST" });
  if (update.event?.type === "payment.fee_known") break;
}

let refused = null;
try {
  for await (const update of shop.follow(other)) throw new Error(`was shown ${update.order.status}`);
} catch (error) {
  refused = error instanceof Refused;
}
console.log(JSON.stringify({ seen, lines, refused }));
