"""The one style sheet, made from the theme: frames, buttons, inputs, tabs, headers, scroll bars."""

from __future__ import annotations

from app.gui.theme import Theme


def stylesheet(theme: Theme) -> str:
    return "\n".join((_surfaces(theme), _labels(theme), _buttons(theme), _inputs(theme), _tables(theme), _tabs(theme)))


def _c(theme: Theme, name: str) -> str:
    return theme.color(name).name()


def _surfaces(theme: Theme) -> str:
    return f"""
QWidget {{ color: {_c(theme, "text_primary")}; }}
QMainWindow, QWidget#rail {{ background: {_c(theme, "bg_window")}; }}
QWidget#strip, QWidget#panel, QWidget#content, QStackedWidget,
QWidget#header, QWidget#cell, QWidget#ruled {{ background: {_c(theme, "bg_panel")}; }}
QWidget#rail {{ border-right: 1px solid {_c(theme, "border_subtle")}; }}
QWidget#strip, QWidget#header {{ border-bottom: 1px solid {_c(theme, "border_subtle")}; }}
QWidget#cell {{ border-right: 1px solid {_c(theme, "border_subtle")}; }}
QWidget#cell_critical {{ background: {_c(theme, "critical_fill")}; }}
QWidget#ruled {{ border-bottom: 1px solid {_c(theme, "border_subtle")}; }}
QWidget#sheet {{ background: {_c(theme, "bg_panel")}; border: 1px solid {_c(theme, "border_control")}; }}
QWidget#notice {{ background: {_c(theme, "bg_raised")}; border: 1px solid {_c(theme, "border_control")}; }}
QWidget#alert_warning {{ background: {_c(theme, "warning_bg")};
  border-left: {theme.metric("stroke.alert_bar")}px solid {_c(theme, "warning")}; }}
QWidget#alert_critical {{ background: {_c(theme, "critical_bg")};
  border-left: {theme.metric("stroke.alert_bar")}px solid {_c(theme, "critical")}; }}
QSplitter::handle {{ background: {_c(theme, "bg_window")}; }}
QSplitter::handle:horizontal {{ background: {_c(theme, "border_subtle")}; }}
QToolTip {{ background: {_c(theme, "bg_raised")}; color: {_c(theme, "text_primary")};
  border: 1px solid {_c(theme, "border_strong")}; padding: 4px; }}
QMenu {{ background: {_c(theme, "bg_raised")}; border: 1px solid {_c(theme, "border_strong")}; padding: 4px; }}
QMenu::item {{ padding: 5px 20px 5px 10px; }}
QMenu::item:selected {{ background: {_c(theme, "bg_hover")}; }}
QMenu::item:disabled {{ color: {_c(theme, "text_disabled")}; }}
"""


def _labels(theme: Theme) -> str:
    return "\n".join(
        f'QLabel[tone="{tone}"] {{ color: {_c(theme, name)}; }}'
        for tone, name in {
            "secondary": "text_secondary",
            "tertiary": "text_tertiary",
            "positive": "positive",
            "negative": "negative",
            "warning": "warning",
            "critical": "critical",
            "accent": "accent",
            "on_critical": "text_on_critical",
        }.items()
    )


def _buttons(theme: Theme) -> str:
    font = theme.font("control")
    radius = theme.metric("radius.control")
    return f"""
QPushButton {{ background: {_c(theme, "bg_raised")}; color: {_c(theme, "text_primary")};
  border: 1px solid {_c(theme, "border_strong")}; border-radius: {radius}px; padding: 0 10px;
  min-height: {theme.metric("size.button") - 2}px; font-size: {font.pixelSize()}px; font-weight: 500;
  outline: none; }}
QPushButton:hover {{ background: {_c(theme, "bg_hover")}; }}
QPushButton:disabled {{ color: {_c(theme, "text_disabled")}; }}
QPushButton[kind="emphasis"] {{ border-color: {_c(theme, "border_control")}; }}
QPushButton[kind="quiet"] {{ background: transparent; border-color: transparent; }}
QPushButton[kind="quiet"]:hover {{ background: {_c(theme, "bg_hover")}; }}
QPushButton[kind="primary"] {{ background: {_c(theme, "accent_fill")}; color: {_c(theme, "text_on_accent")};
  border-color: {_c(theme, "accent_fill")}; }}
QPushButton[kind="primary"]:hover {{ background: {_c(theme, "accent_hover")}; }}
QPushButton[kind="primary"]:disabled {{ background: {_c(theme, "bg_raised")}; color: {_c(theme, "text_disabled")};
  border-color: {_c(theme, "border_strong")}; }}
QPushButton[kind="danger"] {{ background: transparent; color: {_c(theme, "critical")};
  border-color: {_c(theme, "critical")}; }}
QPushButton[kind="danger"]:disabled {{ color: {_c(theme, "text_disabled")};
  border-color: {_c(theme, "border_strong")}; }}
QPushButton[kind="armed"] {{ background: {_c(theme, "critical_fill")}; color: {_c(theme, "text_on_critical")};
  border-color: {_c(theme, "critical_fill")}; }}
QPushButton[kind="armed"]:disabled {{ background: {_c(theme, "bg_raised")}; color: {_c(theme, "text_disabled")};
  border-color: {_c(theme, "border_strong")}; }}
QPushButton[kind="link"] {{ background: transparent; border: none; color: {_c(theme, "accent")}; padding: 0;
  min-height: 0; }}
QPushButton[kind="link"]:hover {{ color: {_c(theme, "accent_hover")}; }}
QPushButton[kind="segment"] {{ border-radius: 0; border-left-width: 0; background: transparent;
  border-color: {_c(theme, "border_control")}; min-height: {theme.metric("size.button_small") - 2}px; }}
QPushButton[kind="segment"][place="first"] {{ border-left-width: 1px; border-top-left-radius: {radius}px;
  border-bottom-left-radius: {radius}px; }}
QPushButton[kind="segment"][place="last"] {{ border-top-right-radius: {radius}px;
  border-bottom-right-radius: {radius}px; }}
QPushButton[kind="segment"]:checked {{ background: {_c(theme, "bg_selected")}; }}
QPushButton[kind="segment"]:hover:!checked {{ background: {_c(theme, "bg_hover")}; }}
"""


def _inputs(theme: Theme) -> str:
    return f"""
QLineEdit, QPlainTextEdit, QComboBox, QSpinBox {{ background: {_c(theme, "bg_input")};
  border: 1px solid {_c(theme, "border_control")}; border-radius: {theme.metric("radius.control")}px;
  padding: 0 8px; min-height: {theme.metric("size.input") - 2}px;
  selection-background-color: {_c(theme, "bg_selected")}; selection-color: {_c(theme, "text_primary")}; }}
QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus, QSpinBox:focus {{ border-color: {_c(theme, "focus")}; }}
QLineEdit[state="error"] {{ border-color: {_c(theme, "critical")}; }}
QPlainTextEdit {{ padding: 6px; }}
QRadioButton, QCheckBox {{ spacing: 8px; }}
QCheckBox::indicator {{ width: 14px; height: 14px; background: {_c(theme, "bg_input")};
  border: 1px solid {_c(theme, "border_control")}; border-radius: 2px; }}
QCheckBox::indicator:checked {{ background: {_c(theme, "accent_fill")}; border-color: {_c(theme, "accent_fill")}; }}
QCheckBox:focus {{ color: {_c(theme, "focus")}; }}
QScrollBar:vertical {{ background: transparent; width: {theme.metric("size.scroll_bar")}px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: {theme.metric("size.scroll_bar")}px; margin: 0; }}
QScrollBar::handle {{ background: {_c(theme, "border_strong")}; border-radius: 3px; margin: 2px; min-height: 24px; }}
QScrollBar::handle:hover {{ background: {_c(theme, "border_control")}; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{ background: none;
  border: none; width: 0; height: 0; }}
QScrollArea {{ border: none; background: transparent; }}
"""


def _tables(theme: Theme) -> str:
    font = theme.font("header")
    return f"""
QTreeView, QTableView, QListView {{ background: {_c(theme, "bg_panel")}; border: none; outline: none;
  selection-background-color: {_c(theme, "bg_selected")}; }}
QTreeView::branch {{ background: transparent; border-image: none; image: none; }}
QHeaderView {{ background: {_c(theme, "bg_raised")}; border: none; }}
QHeaderView::section {{ background: {_c(theme, "bg_raised")}; color: {_c(theme, "text_tertiary")}; border: none;
  border-bottom: 1px solid {_c(theme, "border_subtle")}; padding: 0 3px; font-size: {font.pixelSize()}px;
  font-weight: 500; }}
QHeaderView::section:hover {{ color: {_c(theme, "text_primary")}; }}
"""


def _tabs(theme: Theme) -> str:
    font = theme.font("control")
    return f"""
QTabWidget::pane {{ border: none; border-top: 1px solid {_c(theme, "border_subtle")}; }}
QTabBar {{ background: transparent; border: none; qproperty-drawBase: 0; }}
QTabBar::tab {{ background: transparent; color: {_c(theme, "text_secondary")}; border: none;
  padding: 0 2px; margin: 0 14px 0 0; min-height: {theme.metric("size.tab_bar") - 4}px;
  font-size: {font.pixelSize()}px; font-weight: 500; border-bottom: 2px solid transparent; }}
QTabBar::tab:first {{ margin-left: 16px; }}
QTabBar::tab:selected {{ color: {_c(theme, "text_primary")}; border-bottom-color: {_c(theme, "accent")}; }}
QTabBar::tab:hover {{ color: {_c(theme, "text_primary")}; }}
QTabBar::tab:focus {{ border-bottom-color: {_c(theme, "focus")}; }}
"""
