// One card for each fuse: what flows on each phase, what of it is charging, and how far the fuse is.

import { element, setClass, setPart, setShown, setText } from "./dom.js";
import { PHASES, amperes, duration, number, rating, words } from "./words.js";

// the bar goes on past the fuse, so that an overload can be seen as one
const BEYOND_FUSE = 1.15;

export function circuitCard() {
  const name = element("h3");
  const fuse = element("p", "note");
  const age = element("p", "age");
  const rows = PHASES.map(phaseRow);
  const building = element("span");
  const loads = element("span", "", element("i", "swatch building"), building);
  const margin = element("span", "", element("i", "swatch margin"), words.margin);
  const missing = element("p", "note");
  const legend = element(
    "p",
    "legend",
    loads,
    element("span", "", element("i", "swatch charging"), words.charging),
    margin,
    element("span", "", element("i", "swatch fuse"), words.fuseMark),
  );
  const root = element("article", "card", element("div", "title", name, fuse), age, ...rows.map((row) => row.root), legend, missing);
  let meter = null;
  let received_ms = 0;

  function tick(now_ms) {
    if (meter === null) return;
    const passed_s = (now_ms - received_ms) / 1000;
    const age_s = meter.age_s === null ? null : meter.age_s + passed_s;
    const old = meter.state === "lost" || age_s === null || age_s > 2 * meter.stale_after_s;
    const stale = old || age_s > meter.stale_after_s;
    const text = age_s === null ? words.neverRead : stale ? words.noDataSince(duration(age_s)) : words.readAgo(duration(age_s));
    setText(age, text);
    setClass(age, stale ? "age stale" : "age");
    setClass(root, old ? "card old" : "card");
  }

  function update({ circuit, meter: itsMeter, now_ms }) {
    meter = itsMeter;
    received_ms = now_ms;
    setText(name, circuit.name);
    const ratings = [...new Set(circuit.fuse_ma)].map(rating);
    setText(fuse, ratings.length === 1 ? words.fuse(ratings[0]) : words.unevenFuses(circuit.fuse_ma.map(rating).join(" / ")));
    if (meter === null) setText(age, words.noMeter);
    setShown(loads, meter !== null || circuit.background_ma?.some((one) => one > 0));
    setShown(margin, circuit.usable_ma.some((usable, phase) => usable < circuit.fuse_ma[phase]));
    setText(building, meter === null ? words.counted : words.building);
    setShown(missing, circuit.charging_unknown > 0);
    setText(missing, words.unreported(circuit.charging_unknown));
    rows.forEach((row, phase) => row.update(flowOf(circuit, meter, phase)));
    tick(now_ms);
  }

  return { root, update, tick };
}

// what to draw on one phase: the last reading stays, greyed, when the meter is lost
function flowOf(circuit, meter, phase) {
  const charging = circuit.charging_ma[phase];
  const measured = circuit.measured_ma ?? (meter === null ? null : meter.current_ma);
  const counted = circuit.background_ma === null ? 0 : circuit.background_ma[phase];
  const total = measured === null ? charging + (meter === null ? Math.max(0, counted) : 0) : measured[phase];
  return {
    fuse: circuit.fuse_ma[phase],
    usable: circuit.usable_ma[phase],
    total,
    charging,
    building: total - charging,
    known: measured !== null || meter === null,
  };
}

function phaseRow(phase) {
  const bar = element("div", "bar", element("i", "building"), element("i", "charging"), element("i", "margin"), element("i", "fuse"));
  const value = element("strong");
  const share = element("span", "share");
  const remark = element("span", "remark");
  const spoken = element("span", "spoken");
  const root = element("div", "phase", element("span", "label", phase), bar, element("span", "value", value, " A"), element("span", "below", share, remark), spoken);
  // the figures are read out as one sentence, not as loose numbers
  for (const part of [...root.children].slice(0, 4)) part.setAttribute("aria-hidden", "true");

  function update({ fuse, usable, total, charging, building, known }) {
    const scale = fuse * BEYOND_FUSE;
    const solid = Math.max(0, Math.min(building, total));
    setPart(bar, "--building-part", known ? solid / scale : 0);
    setPart(bar, "--charging-part", known ? (Math.max(0, total) - solid) / scale : 0);
    setPart(bar, "--usable-part", usable / scale);
    setPart(bar, "--fuse-part", fuse / scale);
    setText(value, known ? number(total) : "–");
    setText(share, known && building !== 0 ? words.share(number(building), number(charging)) : "");
    const over = known && total > fuse;
    const inMargin = known && !over && total > usable;
    setText(remark, over ? words.overFuse : inMargin ? words.inMargin : known && total < 0 ? words.exporting : "");
    setClass(root, over ? "phase over" : inMargin ? "phase near" : "phase");
    setText(spoken, `${words.phaseOfFuse(phase, known ? amperes(total) : "–", amperes(fuse))}, ${share.textContent} ${remark.textContent}`);
  }

  return { root, update };
}
