"use strict";
(() => {
  const page = document.body.dataset;
  const rows = [...document.querySelectorAll("article")];
  const why = document.getElementById("why");
  const by = document.getElementById("by");
  const status = document.getElementById("status");
  // One item an example: pages and tabs of one queue share what was typed, and none writes over another's.
  const prefix = `assay-review:${page.queue}:`;
  const answers = {};
  let at = 0;
  let kept = true;

  const storing = (act) => {
    try {
      return act();
    } catch (error) {
      kept = false;
      return null;
    }
  };
  const id = (article) => article.dataset.example;
  const load = (article) => {
    const text = storing(() => localStorage.getItem(prefix + id(article)));
    if (text) answers[id(article)] = JSON.parse(text); else delete answers[id(article)];
  };
  const keep = (article) => storing(() => {
    const answer = answers[id(article)];
    if (answer) localStorage.setItem(prefix + id(article), JSON.stringify(answer));
    else localStorage.removeItem(prefix + id(article));
  });
  const row = () => rows[at];
  const answerOf = (article) => answers[id(article)];
  const answered = () => rows.filter((article) => answerOf(article) && answerOf(article).value);

  const show = () => {
    rows.forEach((article) => { article.hidden = article !== row(); });
    const answer = rows.length ? answerOf(row()) : undefined;
    why.value = answer ? answer.why : "";
    document.querySelectorAll("[data-choice]").forEach((button) => {
      button.setAttribute("aria-pressed", String(Boolean(answer) && answer.value === button.dataset.choice));
    });
    const done = answered().length;
    const place = rows.length ? `${at + 1} of ${rows.length}` : "nothing";
    const safe = kept ? "saved in this browser" : "NOT SAVED: this browser keeps nothing for this page; export before you close it";
    status.textContent = `${place}${answer && answer.value ? `: ${answer.value}` : ""} · ${done} answered · ${safe}`;
    status.classList.toggle("warned", !kept);
    document.getElementById("progress").value = done;
  };

  const go = (place) => {
    at = Math.max(0, Math.min(rows.length - 1, place));
    storing(() => localStorage.setItem(`${prefix}at:${page.file}`, String(at)));
    show();
    window.scrollTo(0, 0);
  };
  const note = (value) => {
    if (!rows.length) return;
    answers[id(row())] = { value, why: why.value.trim(), at: new Date().toISOString() };
    keep(row());
  };
  const choose = (value) => {
    note(value);
    go(at + 1);
  };
  const clear = () => {
    if (!rows.length) return;
    delete answers[id(row())];
    keep(row());
    show();
  };
  const nextOpen = () => {
    const places = rows.map((_, step) => (at + 1 + step) % rows.length);
    const open = places.find((place) => !answered().includes(rows[place]));
    if (open !== undefined) go(open);
  };

  // A cell that begins like a formula is one to a spreadsheet; an apostrophe before it keeps it a text there.
  const cell = (value) => `"${String(value).replace(/^['=+\-@\t\r]/, "'$&").replace(/"/g, '""')}"`;
  const csv = () => {
    const fixed = rows.length ? Object.keys(rows[0].dataset).filter((key) => key.startsWith("fixed")) : [];
    const named = page.blind === "yes" ? ["by"] : [];
    const columns = [...fixed.map((key) => key.slice(5).toLowerCase()), "example_id", "content_id", page.column, "why", "at", ...named];
    const lines = answered().map((article) => {
      const answer = answerOf(article);
      const values = fixed.map((key) => article.dataset[key]);
      values.push(id(article), article.dataset.content, answer.value, answer.why, answer.at);
      if (named.length) values.push(by.value.trim());
      return values.map(cell).join(",");
    });
    return [columns.join(","), ...lines].join("\r\n") + "\r\n";
  };
  const exportCsv = () => {
    if (by && !by.value.trim()) {
      by.focus();
      status.textContent = "Write your name first: answers of two reviewers are compared.";
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.download = page.file;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  const acts = {
    clear,
    back: () => go(at - 1),
    next: () => go(at + 1),
    open: nextOpen,
    why: () => why.focus(),
    export: exportCsv,
  };
  const press = (button) => (button.dataset.choice ? choose(button.dataset.choice) : acts[button.dataset.act]());
  const buttons = [...document.querySelectorAll("button[data-key]")];
  buttons.forEach((button) => button.addEventListener("click", () => { press(button); button.blur(); }));
  const keys = { ArrowRight: acts.next, ArrowLeft: acts.back };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLInputElement) {
      if (event.key === "Enter" || event.key === "Escape") event.target.blur();
      return;
    }
    const button = buttons.find((one) => one.dataset.key === event.key.toLowerCase());
    if (!button && !keys[event.key]) return;
    event.preventDefault();
    if (button) press(button); else keys[event.key]();
  });
  why.addEventListener("input", () => {
    const answer = rows.length ? answerOf(row()) : undefined;
    note(answer ? answer.value : "");
  });
  if (by) {
    by.value = storing(() => localStorage.getItem(`${prefix}by`)) || "";
    by.addEventListener("input", () => storing(() => localStorage.setItem(`${prefix}by`, by.value.trim())));
  }
  window.addEventListener("storage", (event) => {
    const article = rows.find((one) => prefix + id(one) === event.key);
    if (article) {
      load(article);
      show();
    }
  });
  rows.forEach(load);
  go(Number(storing(() => localStorage.getItem(`${prefix}at:${page.file}`))) || 0);
})();
