// One card for each connector: its state, what it is allowed, what it draws on each phase, and the reason.

import { element, icon, iconOfState, setClass, setIcon, setPart, setShown, setText } from "./dom.js";
import { PHASES, amperes, duration, kilowattHours, kilowatts, number, sentence, words } from "./words.js";

// a charger may report but once a minute; two reports missed make a figure old
const VALUES_OLD_S = 90;

export function connectorCard() {
  const name = element("h3");
  const picture = icon();
  const word = element("span");
  const chip = element("p", "chip", picture, word);
  const allowed = element("strong");
  const next = element("span", "next");
  const power = element("strong");
  const place = element("p", "note");
  const figures = element(
    "div",
    "figures",
    element("p", "", element("span", "caption", element("i", "swatch allowed"), words.allowed), allowed, next),
    element("p", "", element("span", "caption", element("i", "swatch charging"), words.drawn), power),
  );
  const rows = PHASES.map(phaseRow);
  const noValues = element("p", "note", words.noValues);
  const reason = element("p", "reason");
  const trouble = element("p", "trouble");
  const facts = element("p", "facts");
  const root = element("article", "card", element("div", "title", name, chip), place, figures, ...rows.map((row) => row.root), noValues, reason, trouble, facts);
  let shown = null;
  let received_ms = 0;

  function tick(now_ms) {
    if (shown === null) return;
    const passed_s = (now_ms - received_ms) / 1000;
    const { connector, chargePoint } = shown;
    const running = connector.transaction;
    const age_s = connector.measured_age_s === null ? null : connector.measured_age_s + passed_s;
    setClass(figures, age_s !== null && age_s > VALUES_OLD_S ? "figures old" : "figures");
    const parts = [];
    if (running !== null) {
      if (running.energy_wh !== null) parts.push(kilowattHours(running.energy_wh));
      parts.push(duration(Math.max(10, running.duration_s + passed_s)));
      parts.push(words.tag(running.id_tag));
    }
    if (!connector.linked) {
      const since_s = chargePoint === undefined ? null : chargePoint.link_changed_s;
      parts.push(since_s === null ? words.neverSeen : words.offlineFor(duration(since_s + passed_s)));
    } else if (age_s !== null && age_s > VALUES_OLD_S) {
      parts.push(words.drawnAgo(duration(age_s)));
    }
    setText(facts, parts.join(" · "));
    setShown(facts, parts.length > 0);
  }

  function update({ connector, chargePoint, now_ms }) {
    shown = { connector, chargePoint };
    received_ms = now_ms;
    const { transaction, allowed_ma, target_ma, measured_ma, refused } = connector;
    setText(name, connector.label);
    setText(place, placeText(connector, chargePoint));
    setText(word, words.states[connector.state] ?? connector.words);
    setIcon(picture, iconOfState(connector.state));
    setClass(chip, `chip ${connector.state}`);
    setShown(figures, transaction !== null);
    setText(allowed, allowed_ma === null ? "–" : amperes(allowed_ma));
    setText(next, target_ma !== null && allowed_ma !== null && target_ma !== allowed_ma ? words.soon(amperes(target_ma)) : "");
    setText(power, drawnText(connector));
    const drawable = transaction !== null && measured_ma !== null;
    rows.forEach((row, phase) => row.update(drawable && connector.phases[phase], connector, phase));
    setShown(noValues, transaction !== null && measured_ma === null && connector.linked);
    setText(reason, connector.reason === null ? "" : sentence(connector.reason));
    setShown(reason, connector.reason !== null);
    const troubles = [];
    if (connector.error_code !== null) troubles.push(connector.info === null ? connector.error_code : `${connector.error_code}: ${connector.info}`);
    if (refused !== null) troubles.push(words.refused(amperes(refused.limit_ma), refused.outcome));
    setText(trouble, troubles.join(" · "));
    setShown(trouble, troubles.length > 0);
    setClass(root, connector.linked ? "card" : "card away");
    tick(now_ms);
  }

  return { root, update, tick };
}

function drawnText(connector) {
  if (connector.power_w !== null) return kilowatts(connector.power_w);
  return connector.measured_ma === null ? "–" : amperes(Math.max(...connector.measured_ma));
}

function placeText({ circuit, phases, rotation }, chargePoint) {
  const wired = rotation === "unknown" ? "" : PHASES.filter((_phase, index) => phases[index]).join(" ");
  const model = [chargePoint?.vendor, chargePoint?.model].filter(Boolean).join(" ");
  return words.place(circuit, wired, model);
}

function phaseRow(phase) {
  const bar = element("div", "bar", element("i", "charging"), element("i", "allowed"));
  const value = element("strong");
  const spoken = element("span", "spoken");
  const root = element("div", "phase", element("span", "label", phase), bar, element("span", "value", value, " A"), spoken);
  for (const part of [...root.children].slice(0, 3)) part.setAttribute("aria-hidden", "true");

  function update(isShown, { measured_ma, allowed_ma, max_ma, overdraws }, index) {
    setShown(root, isShown);
    if (!isShown) return;
    const drawn = measured_ma[index];
    setPart(bar, "--charging-part", drawn / max_ma);
    setPart(bar, "--allowed-part", allowed_ma === null ? 0 : allowed_ma / max_ma);
    setClass(bar, allowed_ma === null ? "bar unlimited" : "bar");
    setText(value, number(drawn));
    setText(spoken, words.phaseOf(phase, amperes(drawn), allowed_ma === null ? "–" : amperes(allowed_ma)));
    setClass(root, overdraws ? "phase over" : "phase");
  }

  return { root, update };
}
