/* What our admin pages do beyond the theme. Everything hangs on data attributes; no inline scripts. */
"use strict";

(() => {
  const each = (selector, root, action) => {
    if (root.matches?.(selector)) action(root);
    root.querySelectorAll(selector).forEach(action);
  };

  /* Bars: their widths stand in data-width. */
  const drawBars = (root) =>
    each("[data-width]", root, (bar) => {
      bar.style.width = `${bar.dataset.width}%`;
    });

  /* Live parts: [data-live-url] is asked again and again for
     {text: {name: text}, width: {name: per cent}, show: {name: boolean}, html: {name: markup of ours},
     charts: {...}, done: boolean}. */
  const shown = new WeakMap(); // what each place holds, as it came
  const show = (root, news) => {
    for (const [name, text] of Object.entries(news.text ?? {})) {
      each(`[data-live="${name}"]`, root, (place) => {
        if (place.textContent !== String(text)) place.textContent = text;
      });
    }
    for (const [name, width] of Object.entries(news.width ?? {})) {
      each(`[data-live-width="${name}"]`, root, (bar) => {
        bar.style.width = `${width}%`;
      });
    }
    for (const [name, visible] of Object.entries(news.show ?? {})) {
      each(`[data-live-show="${name}"]`, root, (place) => {
        place.hidden = !visible;
      });
    }
    for (const [name, markup] of Object.entries(news.html ?? {})) {
      each(`[data-live-html="${name}"]`, root, (place) => {
        if (shown.get(place) === markup) return;
        shown.set(place, markup);
        place.innerHTML = markup;
        drawBars(place);
        each("time[data-local]", place, localTime);
      });
    }
    for (const [name, chart] of Object.entries(news.charts ?? {})) {
      each(`[data-chart-name="${name}"]`, root, (canvas) =>
        canvas.dispatchEvent(new CustomEvent("chart:data", { detail: chart })),
      );
    }
  };

  const watch = (root) => {
    const pause = Number(root.dataset.liveEvery ?? 1000);
    let failures = 0;
    const ask = async () => {
      if (!root.isConnected) return;
      if (document.hidden) return void setTimeout(ask, pause);
      try {
        const answer = await fetch(root.dataset.liveUrl, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(answer.status);
        const news = await answer.json();
        failures = 0;
        show(root, news);
        if (news.done) return void window.location.reload();
      } catch {
        failures += 1;
      }
      setTimeout(ask, Math.min(pause * 2 ** failures, 30000));
    };
    setTimeout(ask, pause);
  };

  /* Tabs that show one panel: buttons with data-tab inside [data-tabs], which names the editor. */
  const tabs = (bar) => {
    const editor = document.getElementById(bar.dataset.tabs);
    const buttons = [...bar.querySelectorAll("[role=tab]")];
    const choose = (name, focus) => {
      editor.dataset.tab = name;
      for (const button of buttons) {
        const chosen = button.dataset.tab === name;
        button.setAttribute("aria-selected", String(chosen));
        button.tabIndex = chosen ? 0 : -1;
        if (chosen && focus) button.focus();
      }
      editor.dispatchEvent(new CustomEvent("tab", { detail: name }));
    };
    for (const [place, button] of buttons.entries()) {
      button.addEventListener("click", () => choose(button.dataset.tab));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) choose(buttons[(place + step + buttons.length) % buttons.length].dataset.tab, true);
      });
    }
    choose(editor.dataset.tab);
  };

  /* A file chosen by dropping or by the dialog is named in its area. */
  const drop = (area) => {
    const input = area.querySelector("input[type=file]");
    const label = area.querySelector("[data-drop-name]");
    const empty = label.textContent;
    input.hasChangeListener = true; // the theme's own listener looks for a text field that isn't here
    const size = (bytes) =>
      bytes > 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} KB`;
    input.addEventListener("change", () => {
      const file = input.files[0];
      label.textContent = file ? `${file.name} · ${size(file.size)}` : empty;
    });
    for (const type of ["dragenter", "dragover"]) area.addEventListener(type, () => area.classList.add("over"));
    for (const type of ["dragleave", "drop"]) area.addEventListener(type, () => area.classList.remove("over"));
  };

  /* Times of the server's clock are said in the reader's own zone. */
  const localTime = (time) => {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.valueOf())) return;
    const style = time.dataset.local === "near" ? near(moment) : { dateStyle: "medium", timeStyle: "short" };
    time.textContent = moment.toLocaleString(document.documentElement.lang || undefined, style);
  };

  /* A moment of today is said by its time alone, one of the next days with its weekday. */
  const near = (moment) => {
    const midnight = new Date();
    midnight.setHours(0, 0, 0, 0);
    const days = (moment - midnight) / 86400000;
    const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (days >= 0 && days < 1) return time;
    return days >= 1 && days < 7 ? { weekday: "long", ...time } : { day: "numeric", month: "short", ...time };
  };

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  document.addEventListener("DOMContentLoaded", () => {
    drawBars(document);
    each("[data-live-url]", document, watch);
    each("[data-tabs]", document, tabs);
    each(".bs-drop", document, drop);
    each("time[data-local]", document, localTime);
    each("input[data-zone]", document, (input) => {
      input.value = zone;
    });
    each("[data-zone-name]", document, (place) => {
      place.textContent = zone;
    });
  });
  document.addEventListener("htmx:load", (event) => {
    drawBars(event.detail.elt);
    each("time[data-local]", event.detail.elt, localTime);
  });
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm ?? event.submitter?.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });
  /* One box ticks all of a name in its form. */
  document.addEventListener("change", (event) => {
    const name = event.target.dataset?.ticks;
    if (name) event.target.form.querySelectorAll(`[name="${name}"]`).forEach((box) => (box.checked = event.target.checked));
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens).showModal();
    const closer = event.target.closest?.("[data-closes]");
    if (closer) closer.closest("dialog").close();
    const copier = event.target.closest?.("[data-copies]");
    if (copier) {
      navigator.clipboard?.writeText(copier.dataset.copies);
      const before = copier.textContent;
      copier.textContent = "Copied";
      setTimeout(() => {
        copier.textContent = before;
      }, 1500);
    }
  });
})();
