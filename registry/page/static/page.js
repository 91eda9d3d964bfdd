/**
 * Makes the page live. All of it works without this; here it becomes quicker.
 */

import { openActs } from "./acts.js";
import { offerCopies } from "./copy.js";
import { watchFilters } from "./filters.js";
import { goLive } from "./live.js";
import { offerLog } from "./log.js";
import { skipLogin } from "./login.js";
import { closeMenus } from "./menus.js";
import { keepTime } from "./times.js";

document.documentElement.classList.add("js");

closeMenus();
openActs();
offerCopies();
skipLogin();
if (document.querySelector("[data-live]")) {
  keepTime();
  watchFilters();
  offerLog();
  goLive();
}
