"""Every address of the web process. The edge answers /o/, /q/, /c/ and /s/ by itself."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from newsletter import forward_pages

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("f/<str:token>", forward_pages.forward, name="forward"),
    path("v/<str:token>", forward_pages.shared, name="shared"),
    re_path(r"^n/(?P<token>[^/]+)/?$", forward_pages.never, name="never_forward"),
    path("", include("subscribers.urls")),
]
