/* The campaign editor: a preview that follows the typing, made on the server from the unsaved form. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const editor = document.querySelector("[data-preview-url]");
  if (!editor) return;
  const form = editor.closest("form");
  const pane = editor.querySelector(".bs-preview");
  const stage = pane.querySelector(".bs-stage");
  const frame = stage.querySelector("iframe");
  const text = stage.querySelector("pre");
  const problems = pane.querySelector("[data-problems]");
  const places = Object.fromEntries(
    ["from", "subject", "preheader"].map((name) => [name, pane.querySelector(`[data-preview="${name}"]`)]),
  );
  let timer;
  let checking;
  let asked = 0;

  const list = (found) => {
    problems.hidden = !found.length;
    problems.querySelector("ul").replaceChildren(
      ...found.map((problem) => {
        const line = document.createElement("li");
        line.textContent = problem;
        return line;
      }),
    );
  };

  const refresh = async () => {
    const turn = ++asked;
    stage.classList.add("bs-busy");
    try {
      const answer = await fetch(editor.dataset.previewUrl, { method: "POST", body: new FormData(form) });
      const made = await answer.json();
      if (turn !== asked) return; // a newer question is under way
      list(made.problems);
      if (made.html !== undefined) {
        for (const [name, place] of Object.entries(places)) place.textContent = made[name];
        places.preheader.hidden = !made.preheader;
        if (frame.srcdoc !== made.html) frame.srcdoc = made.html;
        text.textContent = made.text;
      }
    } catch {
      list(["The preview can't be made just now: the server does not answer."]);
    } finally {
      if (turn === asked) stage.classList.remove("bs-busy");
    }
  };
  /* The thorough check takes longer, so it waits until the typing pauses. */
  const check = async () => {
    const turn = asked;
    const question = new FormData(form);
    question.set("_check", "1");
    try {
      const answer = await fetch(editor.dataset.previewUrl, { method: "POST", body: question });
      if (answer.ok && turn === asked) list((await answer.json()).problems);
    } catch {
      /* Somebody left the page meanwhile, or the server does not answer: the preview says that. */
    }
  };
  const later = () => {
    clearTimeout(timer);
    clearTimeout(checking);
    timer = setTimeout(refresh, 300);
    checking = setTimeout(check, 1500);
  };

  const visible = () => pane.offsetParent !== null;
  form.addEventListener("input", () => visible() && later());
  form.addEventListener("change", () => visible() && later());
  editor.addEventListener("tab", () => visible() && later());
  pane.querySelectorAll("[data-width-of]").forEach((button) =>
    button.addEventListener("click", () => {
      stage.dataset.width = button.dataset.widthOf;
      press(button, "[data-width-of]");
    }),
  );
  pane.querySelectorAll("[data-part]").forEach((button) =>
    button.addEventListener("click", () => {
      frame.hidden = button.dataset.part !== "html";
      text.hidden = button.dataset.part !== "text";
      press(button, "[data-part]");
    }),
  );
  const press = (button, group) =>
    pane.querySelectorAll(group).forEach((other) => other.setAttribute("aria-pressed", String(other === button)));

  const body = form.querySelector("[name=body]");
  form.querySelectorAll("[data-insert]").forEach((button) =>
    button.addEventListener("click", () => {
      body.setRangeText(button.dataset.insert, body.selectionStart, body.selectionEnd, "end");
      body.focus();
      body.dispatchEvent(new Event("input", { bubbles: true }));
    }),
  );
  if (visible()) refresh();
});
