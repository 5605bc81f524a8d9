// Asks for an access token where the daemon wants one. It is kept in this tab alone, and forgotten with it.

import { element, setShown, setText } from "./dom.js";
import { words } from "./words.js";

const KEY = "access token";

export const rememberedToken = () => sessionStorage.getItem(KEY);

// a form in target, shown by ask(); given(token) is called with what was typed in
export function loginForm(target, given) {
  const field = element("input");
  field.type = "password";
  field.autocomplete = "current-password";
  field.required = true;
  // under this name a browser's store of passwords keeps it, if it is told to
  const user = element("input");
  user.autocomplete = "username";
  user.value = "chargemon-edge";
  user.hidden = true;
  const label = element("label", "", words.token, field);
  const button = element("button", "", words.open);
  const wrong = element("p", "trouble");
  target.append(element("p", "", words.tokenNeeded), user, label, button, wrong);
  target.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, field.value.trim());
    field.value = "";
    setShown(target, false);
    given(rememberedToken());
  });

  function ask(refused) {
    sessionStorage.removeItem(KEY);
    setText(wrong, refused ? words.tokenRefused : "");
    setShown(target, true);
    field.focus();
  }

  return { ask };
}
