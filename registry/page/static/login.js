/**
 * Skips the question for a token that the browser has already.
 *
 * Its cookie is not sent when somebody comes from another site by a link (`SameSite=Strict`), but it is from here.
 */

/** Go on if this browser is known. */
export async function skipLogin() {
  const form = document.getElementById("login");
  if (!form || form.querySelector("[role=alert]")) return;
  const response = await fetch("/api/status").catch(() => null);
  if (response?.ok) location.replace(form.dataset.next);
}
