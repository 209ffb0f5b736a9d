using Vae.Runtime.Actors;

namespace Vae.Coordinator.Hosting;

/// <summary>One coordinator per home folder: a second one would fence the first out of its own store.</summary>
internal sealed class HomeLock : IDisposable
{
    private readonly FileStream _file;

    private HomeLock(FileStream file) => _file = file;

    /// <exception cref="UserFitException">Another coordinator uses the folder, or it cannot be written.</exception>
    public static HomeLock Take(string home)
    {
        try
        {
            Directory.CreateDirectory(home);
            return new HomeLock(new FileStream(Path.Combine(home, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException exception) when (File.Exists(Path.Combine(home, "lock")))
        {
            throw new UserFitException($"{home} is in use by another coordinator. Wait for it to end, name another folder with --home, or send the sweep to it with --cluster.", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserFitException($"The home folder {home} cannot be used: {exception.Message}. Name another one with --home.", exception);
        }
    }

    public void Dispose() => _file.Dispose();
}
