"""The public pages: joining, confirming, preferences, leaving. Short, since they stand in mail."""

from django.urls import path, re_path

from subscribers import views

app_name = "subscribers"
urlpatterns = [
    path("join", views.index, name="index"),
    path("join/<slug:slug>", views.join, name="join"),
    path("join/<slug:slug>/thanks", views.thanks, name="thanks"),
    path("confirm/<str:token>", views.confirm, name="confirm"),
    path("p/<str:token>", views.preferences, name="preferences"),
    # With a slash as well: what some mail program adds must not stop a person from leaving.
    re_path(r"^u/(?P<token>[^/]+)/?$", views.unsubscribe, name="unsubscribe"),
    path("robots.txt", views.robots, name="robots"),
]
