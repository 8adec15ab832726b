// A client in another language: Node.js 20 or newer, no packages, plain HTTP and server-sent events.
//
//   node node_client.mjs [--url http://127.0.0.1:8008] [--workflow simple_learning] [--header "Authorization: Bearer ..."]
//
// A header is sent with every request: `--header` can be given several times.
// It lists the workflows, starts one, prints its messages, and asks its questions in the terminal. A lost connection
// is taken up again at the last message that was seen (`Last-Event-ID`), so nothing is missed and nothing comes twice.

import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:8008" },
    workflow: { type: "string" },
    header: { type: "string", multiple: true, default: [] },
  },
});
const own = Object.fromEntries(options.header.map((line) => line.split(/:\s*(.*)/s).slice(0, 2)));
const base = `${options.url.replace(/\/+$/, "")}/fastagency`;
process.on("uncaughtException", (error) => {
  console.error(error.message);
  process.exit(1);
});
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** One request; a refusal becomes an error with the backend's own sentence. */
async function request(method, path, body) {
  const response = await fetch(base + path, {
    method,
    headers: { ...own, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw await refusal(response);
  return response.status === 204 ? null : response.json();
}

/** What the backend says about a request that it refuses: `{code, detail}`. */
async function refusal(response) {
  const { code, detail } = await response.json().catch(() => ({}));
  return Object.assign(new Error(detail ?? `The backend answered with ${response.status}.`), {
    status: response.status,
    code,
  });
}

/** The blocks of an event stream, as they arrive: `{id, event, data}`. */
async function* blocks(stream) {
  let rest = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + piece).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      yield Object.fromEntries(part.split("\n").map((line) => line.split(/:\s?(.*)/s).slice(0, 2)));
    }
  }
}

/** Every message of a run, across lost connections, until the run ends (204: there is nothing more). */
async function* messages(run) {
  for (let seen = ""; ; ) {
    try {
      const response = await fetch(`${base}/runs/${run}/events`, {
        headers: seen ? { ...own, "Last-Event-ID": seen } : own,
      });
      if (response.status === 204) return;
      if (!response.ok) throw await refusal(response);
      for await (const { id, data } of blocks(response.body)) {
        if (data) yield JSON.parse(data);
        seen = id ?? seen;
      }
    } catch (error) {
      if (error.code === "StaleCursor") {
        console.error(`${error.message} Here it is.`);
        seen = "";
        continue;
      }
      if (error.status < 500) throw error;
      console.error(`The connection was lost (${error.message}); trying again.`);
    }
    await sleep(1000);
  }
}

/** Read an answer for a question. Several choices are typed with commas between their numbers. */
async function ask({ type, content }) {
  const choices = content.choices ?? content.suggestions ?? [];
  for (const [index, choice] of choices.entries()) console.log(`  ${index + 1}. ${choice}`);
  process.stdout.write("> ");
  const { value: typed = "", done } = await lines.next();
  if (done) throw new Error("There is nobody to answer.");
  const chosen = (text) => choices[Number(text.trim()) - 1] ?? text.trim();
  return type === "multiple_choice" && !content.single ? typed.split(",").filter(Boolean).map(chosen) : chosen(typed);
}

/** Ask until the backend accepts the answer; it says what is wrong with one that it does not accept. */
async function settle(run, question) {
  for (;;) {
    const value = await ask(question);
    try {
      return await request("POST", `/runs/${run}/answers`, { question: question.uuid, value });
    } catch (error) {
      console.log(error.message);
      if (error.status !== 422) return null; // somebody else was quicker, or the run has ended
    }
  }
}

function print({ type, sender, content }) {
  if (type === "text_chunk" || type === "run_status" || type === "keep_alive") return;
  const said = content.body ?? content.prompt ?? content.short ?? content.result;
  console.log(`[${type}] ${sender ?? "-"}: ${said ?? JSON.stringify(content)}`);
}

const workflows = await request("GET", "/discovery");
for (const { name, description } of workflows) console.log(`${name}: ${description}`);
const name = options.workflow ?? workflows[0].name;
const start = { workflow_name: name, workflow_uuid: randomUUID(), params: {} };
const { workflow_uuid: run } = await request("POST", "/initiate_workflow", start);

for await (const message of messages(run)) {
  print(message);
  if (message.type !== "text_input" && message.type !== "multiple_choice") continue;
  // Asked beside the stream, so that what agents say meanwhile is shown.
  void settle(run, message); // an error in it ends the program, as every other does
}
process.exit(0);
