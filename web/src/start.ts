/** What every browser with modules can run: sees whether this one can hold a call, and only then loads the rest. */

function missing(): string {
  if (!window.isSecureContext) {
    return (
      "This page is open over plain http, where browsers give no page a microphone. " +
      "Open it over https, or as http://localhost on the registry's own machine."
    );
  }
  const has =
    typeof RTCPeerConnection === "function" &&
    typeof ReadableStream === "function" &&
    typeof AudioContext === "function" &&
    "replaceChildren" in Element.prototype &&
    navigator.mediaDevices !== undefined;
  return has ? "" : "This browser is too old for calls, or WebRTC is switched off in it. Update it, or take another one.";
}

function say(text: string): void {
  const place = document.getElementById("talk-trouble");
  if (!place) return;
  place.textContent = text;
  place.hidden = false;
  const button = document.getElementById("talk-join");
  if (button) button.textContent = "Cannot join";
}

const text = missing();
if (text) {
  say(text);
} else {
  import("./talk.js").catch(() =>
    say("This page could not be loaded whole. Reload it; if that does not help, the browser may be too old."),
  );
}

export {};
