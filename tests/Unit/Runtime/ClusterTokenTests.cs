using System.Runtime.Versioning;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;

namespace Vae.Tests.Unit.Runtime;

[UnsupportedOSPlatform("windows")] // File modes are POSIX.
public sealed class ClusterTokenTests : IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("vae-token-");

    private string File => Path.Combine(_home.FullName, "token");

    public void Dispose() => _home.Delete(recursive: true);

    [Fact]
    public void First_start_makes_a_private_file_and_later_starts_read_the_same_token()
    {
        var made = ClusterToken.LoadOrCreate(_home.FullName);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File));
        var text = System.IO.File.ReadAllText(File).Trim();
        Assert.Equal(43, text.Length); // 32 bytes in base64url.
        Assert.True(made.Matches(text));
        Assert.True(ClusterToken.LoadOrCreate(_home.FullName).Matches(text));
        Assert.False(made.Matches(text.AsSpan(1)));
        Assert.Single(_home.GetFiles());
    }

    [Fact]
    public void Two_first_starts_at_once_end_with_one_token()
    {
        var tokens = new ClusterToken[8];
        Parallel.For(0, tokens.Length, i => tokens[i] = ClusterToken.LoadOrCreate(_home.FullName));
        var text = System.IO.File.ReadAllText(File).Trim();
        Assert.All(tokens, token => Assert.True(token.Matches(text)));
    }

    [Fact]
    public void A_token_that_others_can_read_is_refused_with_the_remedy()
    {
        ClusterToken.LoadOrCreate(_home.FullName);
        System.IO.File.SetUnixFileMode(File, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        var error = Assert.Throws<UserFitException>(() => ClusterToken.LoadOrCreate(_home.FullName));
        Assert.Equal($"{File}: the cluster token is open to other users (mode 604). Run: chmod 600 {File}", error.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    public void An_empty_or_short_token_is_refused(string text)
    {
        System.IO.File.WriteAllText(File, text);
        System.IO.File.SetUnixFileMode(File, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Contains("16 to 4096 characters", Assert.Throws<UserFitException>(() => ClusterToken.Load(File)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_token_says_where_to_get_one() =>
        Assert.Contains("Copy the coordinator's token file", Assert.Throws<UserFitException>(() => ClusterToken.Load(File)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_token_never_shows_its_secret() => Assert.Equal("(cluster token)", ClusterToken.Parse("correct-horse-battery-staple").ToString());
}
