// The daemon's event stream, read by hand: a browser's own EventSource cannot send an access token.

// calls snapshot(view) for each, and ended(status) once, unless it was closed: null for a stream that broke off or
// never began, else the HTTP status it was refused with
export function openStream(token, snapshot, ended) {
  const stopping = new AbortController();

  async function read() {
    const answer = await fetch("/api/v1/events", { headers: authorization(token), cache: "no-store", signal: stopping.signal });
    if (!answer.ok) return answer.status;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return null;
      const events = (text + value).split("\n\n");
      text = events.pop();
      // only the newest counts
      const line = events.at(-1)?.split("\n").find((one) => one.startsWith("data: "));
      if (line !== undefined) snapshot(JSON.parse(line.slice(6)));
    }
  }

  read()
    .catch(() => null)
    .then((status) => {
      if (!stopping.signal.aborted) ended(status);
    });
  return { close: () => stopping.abort() };
}

export const authorization = (token) => (token === null ? {} : { Authorization: `Bearer ${token}` });
