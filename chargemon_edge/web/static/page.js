// Keeps the page in step with the daemon: one event stream, ages that count on between its snapshots, and a banner as
// soon as it falls silent. Shows only; nothing here changes the site.

import { circuitCard } from "./circuits.js";
import { connectorCard } from "./connectors.js";
import { loginForm, rememberedToken } from "./login.js";
import { authorization, openStream } from "./stream.js";
import { element, icon, iconOfState, keep, setClass, setIcon, setShown, setText } from "./dom.js";
import { duration, kilowatts, sentence, words } from "./words.js";

// the daemon sends at least every 2 s
const SILENT_MS = 3500;
// a stream that breaks is given this long to come back before the page says so
const BROKEN_MS = 1500;
const POLL_MS = 2000;
const REOPEN_MS = 20000;
const RETRY_MS = 2000;
const UNAUTHORISED = 401;
const FORBIDDEN_FOR_NOW = 429;

const at = (id) => document.getElementById(id);
const circuits = new Map();
const connectors = new Map();
const alarms = new Map();
let stream = null;
// what a refused stream was answered; null: none was
let refusal = null;
let token = rememberedToken();
let opened_ms = 0;
let polled_ms = 0;
let received_ms = null;
let broken_ms = null;
const began_ms = performance.now();

function show(view) {
  const now_ms = performance.now();
  received_ms = now_ms;
  broken_ms = null;
  refusal = null;
  document.title = view.site;
  setText(at("site"), view.site);
  setText(at("balancing"), view.armed ? sentence(view.why) : words.notArmed);
  setClass(at("balancing"), view.armed ? "chip charging" : "chip faulted");
  const charging = view.connectors.filter((connector) => connector.state === "charging").length;
  const power_w = view.connectors.reduce((sum, connector) => sum + (connector.power_w ?? 0), 0);
  setText(at("summary"), words.summary(charging, view.connectors.length, kilowatts(power_w)));
  setText(at("backup"), words.lastBackup(view.last_backup_utc_ms));
  setText(at("software"), words.software(view.software_version, view.supported_until));
  const meters = new Map(view.meters.map((meter) => [meter.name, meter]));
  const chargePoints = new Map(view.charge_points.map((chargePoint) => [chargePoint.identity, chargePoint]));
  keep(at("alarms"), alarms, view.alarms, (alarm) => `${alarm.code} ${alarm.subject}`, alarmCard);
  keep(
    at("circuits"),
    circuits,
    view.circuits.map((circuit) => ({ circuit, meter: meters.get(circuit.meter) ?? null, now_ms })),
    (item) => item.circuit.name,
    circuitCard,
  );
  keep(
    at("connectors"),
    connectors,
    view.connectors.map((connector) => ({ connector, chargePoint: chargePoints.get(connector.charge_point), now_ms })),
    (item) => `${item.connector.charge_point} ${item.connector.connector}`,
    connectorCard,
  );
  tick();
}

function alarmCard() {
  const picture = icon();
  setIcon(picture, iconOfState("faulted"));
  const severity = element("span");
  const what = element("strong");
  const advice = element("span");
  const root = element("p", "alarm", picture, element("span", "text", severity, what, " ", advice));

  function update(alarm) {
    setClass(root, `alarm ${alarm.severity}`);
    setClass(severity, "spoken");
    setText(severity, `${words.severity[alarm.severity]}: `);
    setText(what, alarm.what);
    setText(advice, alarm.advice);
  }

  return { root, update };
}

function tick() {
  const now_ms = performance.now();
  for (const card of [...circuits.values(), ...connectors.values()]) card.tick(now_ms);
  const silent_ms = now_ms - (received_ms ?? began_ms);
  const lost = silent_ms > SILENT_MS || (broken_ms !== null && now_ms - broken_ms > BROKEN_MS);
  setShown(at("connection"), lost);
  if (lost) setText(at("connection"), received_ms === null ? words.lostAtOnce : words.lost(duration(silent_ms / 1000)));
  setClass(document.body, lost ? "silent" : "");
}

function listen() {
  hush();
  opened_ms = performance.now();
  refusal = null;
  stream = openStream(token, show, ended);
}

function ended(status) {
  refusal = status;
  broken_ms ??= performance.now();
  if (asksForToken()) login.ask(token !== null);
}

const asksForToken = () => refusal === UNAUTHORISED || (refusal === FORBIDDEN_FOR_NOW && token !== null);

function hush() {
  if (stream !== null) stream.close();
  stream = null;
}

// where no stream comes through (too many pages, a proxy), ask from time to time and try the stream again later
async function watch() {
  tick();
  const now_ms = performance.now();
  if (document.hidden || stream === null || asksForToken() || now_ms - Math.max(opened_ms, received_ms ?? 0) < SILENT_MS - POLL_MS) return;
  const patience_ms = refusal !== null ? REOPEN_MS : broken_ms !== null ? RETRY_MS : SILENT_MS;
  if (now_ms - opened_ms > patience_ms) listen();
  if (now_ms - polled_ms < POLL_MS) return;
  polled_ms = now_ms;
  try {
    const asked = { headers: authorization(token), cache: "no-store", signal: AbortSignal.timeout(POLL_MS) };
    const answer = await fetch("/api/v1/site", asked);
    if (answer.ok) show(await answer.json());
  } catch {
    // still away: the banner says so
  }
}

const login = loginForm(at("login"), (given) => {
  token = given;
  listen();
});
setText(at("circuits-title"), words.circuits);
setText(at("connectors-title"), words.connectors);
setText(at("site"), words.connecting);
// a hidden tab needs no stream, and a browser has only six connections to one host
document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
listen();
setInterval(watch, 500);
