// GraphiQL on this API: answers come as JSON, live updates as server-sent events over fetch, which can
// send the Authorization header that EventSource and WebSocket cannot.
"use strict";

const URL_OF_API = location.pathname;

async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (buffer + value).split("\n\n");
      buffer = blocks.pop();
      for (const block of blocks) {
        const fields = block.split("\n").filter((line) => !line.startsWith(":"));
        const field = (name) =>
          fields.filter((line) => line.startsWith(name + ":")).map((line) => line.slice(name.length + 1).trim()).join("\n");
        if (fields.length) yield { event: field("event"), data: field("data") };
      }
    }
  } finally {
    reader.cancel();
  }
}

async function* results(body) {
  for await (const { event, data } of messages(body)) {
    if (event === "complete") return;
    if (event === "next") yield JSON.parse(data);
  }
}

function isSubscription(params, documentAST) {
  const operations = (documentAST?.definitions ?? []).filter((node) => node.kind === "OperationDefinition");
  const chosen = operations.find((node) => node.name?.value === params.operationName) ?? operations[0];
  return chosen?.operation === "subscription";
}

// The header as the editor first shows it holds no key yet: the schema can be read without one.
function filledIn(headers = {}) {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => String(value).trim() !== "Bearer"));
}

async function fetcher(params, { headers, documentAST } = {}) {
  const live = isSubscription(params, documentAST);
  const answer = await fetch(URL_OF_API, {
    method: "POST",
    headers: {
      ...filledIn(headers),
      "Content-Type": "application/json",
      Accept: live ? "text/event-stream, application/graphql-response+json;q=0.9" : "application/graphql-response+json",
    },
    body: JSON.stringify(params),
  });
  const isStream = answer.headers.get("Content-Type").startsWith("text/event-stream");
  return isStream ? results(answer.body) : answer.json();
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultEditorToolsVisibility: "headers",
    shouldPersistHeaders: false, // a key must not stay in the browser's storage
    defaultHeaders: '{\n  "Authorization": "Bearer "\n}',
    defaultQuery: "# Put your key into the header below, then press Ctrl-Enter.\n\nquery {\n  __typename\n}\n",
  }),
);
