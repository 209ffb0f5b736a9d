using System.Runtime.Versioning;

namespace Vae.Tests.Unit.Deploy;

[SupportedOSPlatform("linux")]
public class ScriptTests
{
    /// <summary>Every shell script of the checkout, found by its first line, so that a new one is checked without being listed here.</summary>
    private static string[] Scripts()
    {
        string[] places = ["vae", "test.sh", ".ci/run"];
        return
        [
            .. places.Select(place => Checkout.PathTo(place)),
            .. new[] { "eng", "deploy", "benchmarks" }.Where(folder => Directory.Exists(Checkout.PathTo(folder)))
                .SelectMany(folder => Checkout.Files(folder, "*.sh")),
        ];
    }

    [Fact]
    public void Scripts_parse()
    {
        var complaints = Scripts().Select(script => Checkout.Run("bash", ["-n", script]).Error).Where(text => text.Length > 0);

        Assert.Empty(complaints);
    }

    [Fact]
    public void Commands_of_the_readme_may_be_executed()
    {
        string[] commands = ["vae", "test.sh", ".ci/run"];

        Assert.All(commands, command => Assert.True(File.GetUnixFileMode(Checkout.PathTo(command)).HasFlag(UnixFileMode.UserExecute), command));
    }

    [FactWith("shellcheck")]
    public void Scripts_have_no_finding_of_shellcheck()
    {
        var (status, output, _) = Checkout.Run("shellcheck", ["--external-sources", .. Scripts()]);

        Assert.True(status == 0, output);
    }

    [Fact]
    public void Wrapper_builds_nothing_and_says_how_when_the_package_manager_is_forbidden()
    {
        using var folder = new TemporaryCheckout();

        var (status, output, error) = folder.Start(("VAE_NO_INSTALL", "1"), ("LIBTORCH", "/nonexistent"));

        Assert.Equal(1, status);
        Assert.Empty(output);
        Assert.Contains("LIBTORCH=/nonexistent holds no include/ATen/ATen.h", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrapper_hands_arguments_and_standard_output_through_and_looks_at_every_source()
    {
        using var folder = new TemporaryCheckout();
        folder.PretendBuilt("#!/bin/sh\nprintf '%s\\n' \"$@\"; exit 6\n");

        var (status, output, error) = folder.Start(["sweep", "two words", ""]);
        Assert.Equal((6, "sweep\ntwo words\n\n", ""), (status, output, error));

        // A file that is gone must count as a change; the forbidden LIBTORCH shows that a build was wanted.
        File.Delete(folder.PathTo("src/B.cs"));
        Assert.Equal(1, folder.Start(("LIBTORCH", "/nonexistent")).Status);
    }
}
