#!/usr/bin/env bash
# Make sure that the browser tests find a Chromium: the one that CHROMIUM names, one on the PATH,
# the system's package where this user may install it, or Playwright's own.
# Make sure that it can draw Korean: without a font for it, screenshots show empty boxes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

may_install() {
  [[ $(id -u) -eq 0 ]] && command -v apt-get > /dev/null
}

# Install a Debian package. On failure, print the last lines of apt-get's output to stderr.
install_package() {
  local log
  log=$(mktemp)
  echo "Installing $1"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$1"; } \
    > "$log" 2>&1 || tail -n 5 "$log" >&2
  rm -f "$log"
}

on_path() {
  command -v chromium chromium-browser google-chrome google-chrome-stable > /dev/null
}

ensure_chromium() {
  if [[ -n "${CHROMIUM:-}" ]]; then
    [[ -x "$CHROMIUM" ]] || { echo "CHROMIUM=$CHROMIUM is not an executable file" >&2; exit 1; }
    return
  fi
  on_path && return
  if may_install; then
    install_package chromium
    on_path && return
  fi
  if ! .venv/bin/python -m playwright install chromium; then
    echo "Chromium is missing and Playwright could not install it: sudo apt-get install chromium," \
      "or set CHROMIUM to the browser's path" >&2
    exit 1
  fi
}

korean_font_exists() {
  # macOS has Korean fonts, and usually no fc-list.
  [[ $(uname) == Darwin ]] || [[ -n $(fc-list :lang=ko 2> /dev/null) ]]
}

# A missing font fails no test, so it only gets a message.
ensure_korean_font() {
  korean_font_exists && return
  if may_install; then
    install_package fonts-noto-cjk
    korean_font_exists && return
  fi
  echo "No font with Korean letters was found, so screenshots show empty boxes:" \
    "sudo apt-get install fonts-noto-cjk (Debian, Ubuntu), google-noto-sans-cjk-fonts (Fedora), noto-fonts-cjk (Arch)" >&2
}

ensure_chromium
ensure_korean_font
