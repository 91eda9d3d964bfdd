// Reads one JSON object from stdin: {"url", "link", "headers", "calls": [[path, type, input]]}. Makes the calls at
// once, and writes one JSON list: for each call {"data"} or {"error": {"name", "message", "code", "data"}}.
import {
  createTRPCClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  TRPCClientError,
} from "@trpc/client";

const LINKS = { httpLink, httpBatchLink, httpBatchStreamLink };

let text = "";
for await (const part of process.stdin) text += part;
const { url, link, headers, calls } = JSON.parse(text);
const client = createTRPCClient({ links: [LINKS[link]({ url, headers })] });

const results = calls.map(async ([path, type, input]) => {
  const procedure = path.split(".").reduce((at, name) => at[name], client);
  try {
    return { data: await procedure[type](input) };
  } catch (error) {
    const isTheirs = error instanceof TRPCClientError;
    return {
      error: {
        name: isTheirs ? "TRPCClientError" : String(error?.name),
        message: error.message,
        code: error.shape?.code ?? null,
        data: error.data ?? null,
      },
    };
  }
});
console.log(JSON.stringify(await Promise.all(results)));
