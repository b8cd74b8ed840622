extension Atlas {
    /// What moves the map in a browser: a canvas that is drawn anew whenever something changes, squares of colour while pictures would
    /// be too small to be seen. It reads the data of the page and fetches nothing.
    static let script = #"""
        "use strict";
        const atlas = JSON.parse(document.getElementById("atlas-data").textContent);
        const total = atlas.names.length;
        const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        const places = new Float32Array(bytes(atlas.places).buffer);
        const near = new Uint16Array(bytes(atlas.near).buffer);
        const cosines = new Float32Array(bytes(atlas.cosines).buffer);
        const perPicture = total ? near.length / total : 0;
        const element = (id) => document.getElementById(id);
        const canvas = element("map"), pen = canvas.getContext("2d"), sprite = element("sprite");
        const state = { scale: 1, x: 0.5, y: 0.5, chosen: -1, over: -1, found: null, colouring: "" };

        // Colours: a hue each, apart in lightness too, for up to twelve kinds; then the hues repeat.
        const kinds = ["#3b82c4", "#e07b27", "#2f9e63", "#c24747", "#8d63c0", "#9a6b4f", "#d667a8", "#7f8a94", "#a3a522", "#21a8b5",
          "#5a53d6", "#c9a227"];
        const ramp = [[59, 76, 192], [124, 159, 249], [190, 190, 190], [244, 152, 122], [180, 4, 38]];
        function rampColour(share) {
          const at = Math.min(Math.max(share, 0), 1) * (ramp.length - 1), low = Math.min(Math.floor(at), ramp.length - 2);
          return "rgb(" + ramp[low].map((v, i) => Math.round(v + (ramp[low + 1][i] - v) * (at - low))).join(",") + ")";
        }

        // What pictures can be coloured by: kinds with names, or a figure.
        const colourings = [];
        if (atlas.labels) colourings.push({ name: "label", of: atlas.labels, names: atlas.classes });
        colourings.push({ name: "cluster", of: atlas.clusters, names: atlas.clusterNames });
        const figures = Float32Array.from(atlas.unusual), sorted = Float32Array.from(figures).sort();
        const lowest = sorted[0], highest = sorted[Math.floor(0.99 * (total - 1))];
        colourings.push({ name: "how unusual", share: (i) => (highest > lowest ? (figures[i] - lowest) / (highest - lowest) : 0) });
        let colours = [], order = [];
        function colourBy(name) {
          const by = colourings.find((c) => c.name === name) || colourings[0];
          state.colouring = by.name;
          colours = atlas.names.map((_, i) => (by.of ? kinds[by.of[i] % kinds.length] : rampColour(Math.round(by.share(i) * 24) / 24)));
          // Points of one colour one behind the other: a pen that changes its colour is slow. Unusual ones come last, so that they are seen.
          order = atlas.names.map((_, i) => i);
          if (by.of) order.sort((a, b) => by.of[a] % kinds.length - by.of[b] % kinds.length || a - b);
          else order.sort((a, b) => figures[a] - figures[b] || a - b);
          legend(by);
          ask();
        }

        function legend(by) {
          const box = element("legend");
          box.replaceChildren();
          const entry = (colour, text) => {
            const line = document.createElement("span"), dot = document.createElement("i");
            dot.style.background = colour;
            line.append(dot, text);
            box.append(line);
          };
          if (by.of) {
            const counts = new Map();
            by.of.forEach((kind) => counts.set(kind, (counts.get(kind) || 0) + 1));
            [...counts.keys()].sort((a, b) => a - b).forEach((kind) => entry(kinds[kind % kinds.length], by.names[kind] + " (" + counts.get(kind) + ")"));
          } else {
            [0, 0.5, 1].forEach((share) => entry(rampColour(share), (lowest + share * (highest - lowest)).toPrecision(3)));
          }
        }

        // Squares of the map with the pictures in them, for what lies under the pointer.
        const cells = Math.max(1, Math.ceil(Math.sqrt(total / 4))), grid = new Map();
        const cell = (v) => Math.min(cells - 1, Math.max(0, Math.floor(v * cells)));
        for (let i = 0; i < total; i++) {
          const key = cell(places[2 * i]) + cells * cell(places[2 * i + 1]);
          if (!grid.has(key)) grid.set(key, []);
          grid.get(key).push(i);
        }
        // Pictures are as large as the middle distance to the nearest other on the map.
        const distances = [];
        for (let i = 0; i < total; i += Math.max(1, Math.floor(total / 2000))) {
          let best = Infinity;
          for (let s = 0; s < perPicture; s++) {
            const j = near[i * perPicture + s], d = Math.hypot(places[2 * i] - places[2 * j], places[2 * i + 1] - places[2 * j + 1]);
            if (d > 0 && d < best) best = d;
          }
          if (best < Infinity) distances.push(best);
        }
        distances.sort((a, b) => a - b);
        const spacing = distances.length ? distances[Math.floor(distances.length / 2)] : 0.1;

        let wide = 0, tall = 0, sharp = 1, asked = false;
        function resize() {
          sharp = window.devicePixelRatio || 1;
          wide = canvas.clientWidth;
          tall = canvas.clientHeight;
          canvas.width = Math.round(wide * sharp);
          canvas.height = Math.round(tall * sharp);
          ask();
        }
        const unit = () => 0.94 * Math.min(wide, tall) * state.scale;
        const screenX = (i) => (places[2 * i] - state.x) * unit() + wide / 2;
        const screenY = (i) => (places[2 * i + 1] - state.y) * unit() + tall / 2;
        const side = () => Math.min(Math.max(0.9 * spacing * unit(), 3), 1.5 * Math.max(atlas.width, atlas.height));
        const drawsPictures = () => side() >= 12;
        const ask = () => { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; draw(); }); } };
        const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();

        function stamp(brush, i, left, top, broad, height) {
          brush.drawImage(sprite, (i % atlas.columns) * atlas.width, Math.floor(i / atlas.columns) * atlas.height, atlas.width, atlas.height,
            left, top, broad, height);
        }
        function picture(i, x, y, size) {
          const height = size * Math.min(1, atlas.height / atlas.width), broad = size * Math.min(1, atlas.width / atlas.height);
          stamp(pen, i, x - broad / 2, y - height / 2, broad, height);
        }

        function draw() {
          pen.setTransform(sharp, 0, 0, sharp, 0, 0);
          pen.clearRect(0, 0, wide, tall);
          const scale = unit(), size = side(), pictures = drawsPictures();
          const offsetX = wide / 2 - state.x * scale, offsetY = tall / 2 - state.y * scale;
          pen.imageSmoothingEnabled = size < Math.max(atlas.width, atlas.height);
          let last = "", seen = 0;
          for (const i of order) {
            const x = places[2 * i] * scale + offsetX, y = places[2 * i + 1] * scale + offsetY;
            if (x < -size || y < -size || x > wide + size || y > tall + size) continue;
            seen++;
            const dim = state.found && !state.found.has(i);
            pen.globalAlpha = dim ? 0.12 : 1;
            if (colours[i] !== last) { last = colours[i]; pen.fillStyle = last; }
            if (pictures) {
              const border = Math.max(1.5, size / 12);
              pen.fillRect(x - size / 2 - border, y - size / 2 - border, size + 2 * border, size + 2 * border);
              picture(i, x, y, size);
            } else {
              pen.fillRect(x - size / 2, y - size / 2, size, size);
            }
          }
          pen.globalAlpha = 1;
          const marked = state.chosen >= 0 ? state.chosen : state.over;
          if (marked >= 0) {
            pen.strokeStyle = ink();
            pen.lineWidth = 1.5;
            for (let s = 0; s < perPicture; s++) {
              const j = near[marked * perPicture + s];
              pen.beginPath();
              pen.moveTo(screenX(marked), screenY(marked));
              pen.lineTo(screenX(j), screenY(j));
              pen.stroke();
            }
            const ring = Math.max(size, 8) + 6;
            pen.lineWidth = 3;
            pen.strokeRect(screenX(marked) - ring / 2, screenY(marked) - ring / 2, ring, ring);
          }
          element("seen").textContent = seen + " of " + total + " pictures in view" + (state.found ? ", " + state.found.size + " found" : "");
        }

        function under(x, y) {
          const scale = unit(), reach = Math.max(side() / 2, 8) / scale;
          const mapX = (x - wide / 2) / scale + state.x, mapY = (y - tall / 2) / scale + state.y;
          let best = -1, least = reach * reach * 2;
          for (let cy = cell(mapY - reach); cy <= cell(mapY + reach); cy++) {
            for (let cx = cell(mapX - reach); cx <= cell(mapX + reach); cx++) {
              for (const i of grid.get(cx + cells * cy) || []) {
                const d = (places[2 * i] - mapX) ** 2 + (places[2 * i + 1] - mapY) ** 2;
                if (d < least) { least = d; best = i; }
              }
            }
          }
          return best;
        }

        function thumb(i, size) {
          const own = document.createElement("canvas");
          const factor = size / Math.max(atlas.width, atlas.height);
          own.width = Math.round(atlas.width * factor * sharp);
          own.height = Math.round(atlas.height * factor * sharp);
          own.style.width = own.width / sharp + "px";
          own.style.height = own.height / sharp + "px";
          const brush = own.getContext("2d");
          brush.imageSmoothingEnabled = factor * sharp < 1;
          stamp(brush, i, 0, 0, own.width, own.height);
          own.setAttribute("role", "img");
          own.setAttribute("aria-label", atlas.names[i]);
          return own;
        }

        function line(name, text) {
          const term = document.createElement("dt"), value = document.createElement("dd");
          term.textContent = name;
          value.textContent = text;
          return [term, value];
        }

        function show(i) {
          const card = element("card");
          card.replaceChildren();
          if (i < 0) { card.append(element("hint").content.cloneNode(true)); return; }
          const name = document.createElement("h2"), facts = document.createElement("dl"), others = document.createElement("div");
          name.textContent = atlas.names[i];
          if (atlas.labels) facts.append(...line("label", atlas.classes[atlas.labels[i]]));
          facts.append(...line("cluster", atlas.clusterNames[atlas.clusters[i]]));
          facts.append(...line("how unusual", figures[i].toPrecision(3)));
          others.className = "others";
          for (let s = 0; s < perPicture; s++) {
            const j = near[i * perPicture + s], button = document.createElement("button");
            button.append(thumb(j, 48), cosines[i * perPicture + s].toFixed(3));
            button.title = atlas.names[j];
            button.setAttribute("aria-label", atlas.names[j] + ", cosine " + cosines[i * perPicture + s].toFixed(3));
            button.addEventListener("click", () => choose(j, true));
            others.append(button);
          }
          const title = document.createElement("h3");
          title.textContent = "Nearest by features (cosine)";
          card.append(thumb(i, 160), name, facts, title, others);
        }

        function choose(i, moves) {
          state.chosen = i;
          if (i >= 0 && moves) { state.x = places[2 * i]; state.y = places[2 * i + 1]; }
          show(i);
          ask();
        }

        function zoom(factor, x, y) {
          const before = unit(), next = Math.min(Math.max(state.scale * factor, 0.5), 400);
          const real = next / state.scale;
          state.x += (x - wide / 2) / before * (1 - 1 / real);
          state.y += (y - tall / 2) / before * (1 - 1 / real);
          state.scale = next;
          ask();
        }

        // Mouse, pen and fingers.
        const pointers = new Map();
        let moved = 0;
        canvas.addEventListener("pointerdown", (e) => {
          canvas.setPointerCapture(e.pointerId);
          pointers.set(e.pointerId, [e.offsetX, e.offsetY]);
          if (pointers.size === 1) moved = 0;
        });
        canvas.addEventListener("pointermove", (e) => {
          const before = pointers.get(e.pointerId), now = [e.offsetX, e.offsetY];
          if (!before) {
            const found = under(...now);
            if (found !== state.over) { state.over = found; if (state.chosen < 0) show(found); ask(); }
            return;
          }
          if (pointers.size === 2) {
            const other = [...pointers.entries()].find(([id]) => id !== e.pointerId)[1];
            const length = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
            if (length(before) > 0) zoom(length(now) / length(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
          }
          const share = pointers.size === 2 ? 0.5 : 1;
          state.x -= share * (now[0] - before[0]) / unit();
          state.y -= share * (now[1] - before[1]) / unit();
          moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
          pointers.set(e.pointerId, now);
          ask();
        });
        function lift(e) {
          const was = pointers.delete(e.pointerId);
          if (was && e.type === "pointerup" && pointers.size === 0 && moved < 6) choose(under(e.offsetX, e.offsetY), false);
        }
        canvas.addEventListener("pointerup", lift);
        canvas.addEventListener("pointercancel", lift);
        canvas.addEventListener("pointerleave", () => { state.over = -1; if (state.chosen < 0) show(-1); ask(); });
        canvas.addEventListener("wheel", (e) => {
          e.preventDefault();
          zoom(Math.exp(-Math.max(-100, Math.min(100, e.deltaY)) * 0.003), e.offsetX, e.offsetY);
        }, { passive: false });

        // Keys: the map moves, and from picture to neighbour.
        canvas.addEventListener("keydown", (e) => {
          const step = 60 / unit();
          const keys = {
            ArrowLeft: () => { state.x -= step; }, ArrowRight: () => { state.x += step; },
            ArrowUp: () => { state.y -= step; }, ArrowDown: () => { state.y += step; },
            "+": () => zoom(1.3, wide / 2, tall / 2), "=": () => zoom(1.3, wide / 2, tall / 2), "-": () => zoom(1 / 1.3, wide / 2, tall / 2),
            "0": home, Escape: () => choose(-1, false), Enter: () => choose(under(wide / 2, tall / 2), false),
          };
          if (!keys[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
          e.preventDefault();
          keys[e.key]();
          ask();
        });
        function home() { state.scale = 1; state.x = 0.5; state.y = 0.5; ask(); }
        element("closer").addEventListener("click", () => zoom(1.5, wide / 2, tall / 2));
        element("farther").addEventListener("click", () => zoom(1 / 1.5, wide / 2, tall / 2));
        element("whole").addEventListener("click", home);

        // Search: what holds the text stays bright; Enter goes from one to the next.
        const search = element("search");
        let turn = 0;
        search.addEventListener("input", () => {
          const text = search.value.trim().toLowerCase();
          turn = 0;
          state.found = null;
          if (text) {
            state.found = new Set();
            atlas.names.forEach((name, i) => {
              const label = atlas.labels ? atlas.classes[atlas.labels[i]] : "";
              if (name.toLowerCase().includes(text) || label.toLowerCase() === text) state.found.add(i);
            });
          }
          ask();
        });
        search.addEventListener("keydown", (e) => {
          if (e.key !== "Enter" || !state.found || state.found.size === 0) return;
          choose([...state.found][turn++ % state.found.size], true);
        });

        const menu = element("colouring");
        colourings.forEach((by) => {
          const option = document.createElement("option");
          option.value = by.name;
          option.textContent = by.name;
          menu.append(option);
        });
        menu.addEventListener("change", () => colourBy(menu.value));
        new ResizeObserver(resize).observe(canvas);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ask);
        if (!sprite.complete) sprite.addEventListener("load", () => { show(state.chosen); ask(); });
        show(-1);
        colourBy(colourings[0].name);
        resize();
        // At once: a browser may wait long with a frame that nobody sees yet.
        draw();

        """#
}
