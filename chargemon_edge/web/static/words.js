// Every word and number on the page: one catalogue, and Intl for the numbers. Units are never translated.

const english = {
  circuits: "Fuses",
  connectors: "Charge points",
  fuse: (amperes) => `${amperes} A fuse`,
  unevenFuses: (list) => `${list} A fuses`,
  noMeter: "No meter here: chargers' own figures",
  neverRead: "No reading yet",
  readAgo: (age) => `Meter read ${age} ago`,
  noDataSince: (age) => `No data for ${age}`,
  building: "Other loads",
  counted: "Other loads (assumed)",
  charging: "Charging",
  margin: "Safety margin",
  fuseMark: "Fuse",
  share: (building, charging) => `other ${building} · charging ${charging}`,
  place: (circuit, phases, model) => [`Fuse ${circuit}`, phases, model].filter(Boolean).join(" · "),
  exporting: "feeding in",
  inMargin: "in the margin",
  overFuse: "over the fuse",
  unreported: (count) => (count === 1 ? "1 charging car reports no current" : `${count} charging cars report no current`),
  allowed: "Allowed",
  drawn: "Drawn",
  soon: (amperes) => `${amperes} next`,
  phaseOf: (phase, drawn, allowed) => `${phase}: draws ${drawn}, allowed ${allowed}`,
  phaseOfFuse: (phase, measured, fuse) => `${phase}: ${measured} of ${fuse}`,
  noValues: "The charger reports no current",
  drawnAgo: (age) => `Reported ${age} ago`,
  offlineFor: (age) => `Offline for ${age}`,
  neverSeen: "Not connected since the start",
  refused: (amperes, outcome) => `Did not take ${amperes} (${outcome})`,
  tag: (tag) => `Card ${tag}`,
  lastBackup: (utc_ms) =>
    utc_ms === null ? "No backup yet" : `Last backup: ${new Date(utc_ms).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}`,
  summary: (charging, connectors, kilowatts) => `${charging} of ${connectors} charging · ${kilowatts}`,
  software: (version, until) => `chargemon-edge ${version} · security updates until ${until}`,
  notArmed: "Balancing is off",
  connecting: "Connecting …",
  lost: (age) => `Connection to the system lost. What you see is ${age} old.`,
  lostAtOnce: "No connection to the system.",
  token: "Access token",
  tokenNeeded: "From here this page is shown to those who hold an access token.",
  tokenRefused: "This token is not known, was revoked, or has expired.",
  open: "Open",
  severity: { critical: "Alarm", warning: "Warning", notice: "Notice" },
  states: {
    available: "Free",
    preparing: "Car connected",
    charging: "Charging",
    waiting: "Waiting for current",
    updating: "Being given new firmware",
    suspended_evse: "Paused by charger",
    suspended_ev: "Paused by car",
    finishing: "Finished",
    reserved: "Reserved",
    unavailable: "Out of service",
    faulted: "Fault",
    offline: "Offline",
    unknown: "No status yet",
  },
};

export const words = english;

const language = document.documentElement.lang;
const oneDecimal = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const twoDecimals = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

export const PHASES = ["L1", "L2", "L3"];
export const number = (value_ma) => oneDecimal.format(value_ma / 1000).replace("-", "−");
export const amperes = (value_ma) => `${number(value_ma)} A`;
export const rating = (value_ma) => short.format(value_ma / 1000);
export const kilowatts = (power_w) => `${oneDecimal.format(power_w / 1000).replace("-", "−")} kW`;
export const kilowattHours = (energy_wh) => `${twoDecimals.format(energy_wh / 1000)} kWh`;

export function duration(seconds) {
  if (seconds < 9.95) return `${oneDecimal.format(Math.max(0, seconds))} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

// the daemon's sentences begin in lower case, for the log
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
