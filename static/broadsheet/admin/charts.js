/* Charts from data-chart attributes, in the colours of the theme, with Chart.js as the theme ships it. */
"use strict";

(() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = [];

  const series = (chart, type) =>
    chart.series.map((line) => {
      const ink = colour(`--bs-${line.colour}`);
      const isFilled = type === "line" && !line.is_dashed;
      return {
        label: line.label,
        data: line.data,
        borderColor: ink,
        backgroundColor: type === "bar" ? ink : `${ink}22`,
        fill: isFilled && !chart.is_cut,
        borderWidth: type === "line" ? (line.is_dashed ? 1.5 : 2) : 0,
        borderDash: line.is_dashed ? [5, 4] : [],
        borderRadius: 4,
        maxBarThickness: 32,
        categoryPercentage: chart.labels.length > 24 ? 0.85 : 0.45,
        barPercentage: 0.9,
        pointRadius: line.is_dashed || chart.labels.length > 60 ? 0 : 2,
        pointHoverRadius: line.is_dashed ? 0 : 4,
        tension: 0.3,
      };
    });

  const options = (chart) => ({
    responsive: true,
    maintainAspectRatio: false,
    animation: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? false : { duration: 300 },
    interaction: { mode: "index", intersect: false },
    plugins: {
      legend: { display: false },
      tooltip: {
        padding: 10,
        usePointStyle: true,
        callbacks: {
          title: (items) => (chart.titles || chart.labels)[items[0].dataIndex],
          label: (item) => ` ${item.dataset.label}: ${item.formattedValue}${chart.unit ? ` ${chart.unit}` : ""}`,
        },
      },
    },
    scales: {
      x: {
        grid: { display: false },
        border: { color: colour("--bs-border") },
        ticks: { color: colour("--bs-soft"), maxRotation: 0, autoSkipPadding: 18 },
      },
      y: {
        beginAtZero: !chart.is_cut,
        max: chart.is_cut ? 100 : undefined,
        border: { display: false },
        grid: { color: colour("--bs-border") },
        ticks: { color: colour("--bs-soft"), precision: chart.is_fine ? undefined : 0, maxTicksLimit: 6 },
      },
    },
  });

  const draw = (canvas) => {
    let chart = JSON.parse(canvas.dataset.chart);
    const picture = new Chart(canvas, {
      type: chart.type,
      data: { labels: chart.labels, datasets: series(chart, chart.type) },
      options: options(chart),
    });
    const refresh = () => {
      picture.data = { labels: chart.labels, datasets: series(chart, chart.type) };
      picture.options = options(chart);
      picture.update("none");
    };
    canvas.addEventListener("chart:data", (event) => {
      chart = event.detail;
      refresh();
    });
    drawn.push(refresh);
  };

  document.addEventListener("DOMContentLoaded", () => {
    Chart.defaults.font.family = "Inter, sans-serif";
    document.querySelectorAll("canvas[data-chart]").forEach(draw);
    new MutationObserver(() => drawn.forEach((refresh) => refresh())).observe(document.documentElement, {
      attributeFilter: ["class"],
    });
  });
})();
