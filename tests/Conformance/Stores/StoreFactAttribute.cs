using Xunit.Abstractions;
using Xunit.Sdk;

namespace Vae.Tests.Conformance.Stores;

/// <summary>A rule that every store keeps. A class of tests whose store needs something that is not here says so by a static property <c>Missing</c>, and is skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("Vae.Tests.Conformance.Stores.StoreFactDiscoverer", "Vae.Tests.Conformance")]
public sealed class StoreFactAttribute : FactAttribute;

/// <summary>Finds the reason to skip by the class that inherits the test, which the attribute on the base class cannot see.</summary>
public sealed class StoreFactDiscoverer(IMessageSink diagnostics) : FactDiscoverer(diagnostics)
{
    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute)
    {
        var missing = (string?)testMethod.TestClass.Class.ToRuntimeType().GetProperty("Missing")?.GetValue(null);
        return missing is null
            ? base.CreateTestCase(discoveryOptions, testMethod, factAttribute)
            : new SkippedTestCase(DiagnosticMessageSink, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod, missing);
    }
}

/// <summary>A test that does not run, with the reason.</summary>
public sealed class SkippedTestCase : XunitTestCase
{
    private string _reason = "";

    [Obsolete("Called by the de-serializer only.")]
    public SkippedTestCase()
    {
    }

    public SkippedTestCase(IMessageSink diagnostics, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod method, string reason)
        : base(diagnostics, display, options, method) => _reason = reason;

    public override void Serialize(IXunitSerializationInfo data)
    {
        base.Serialize(data);
        data.AddValue("reason", _reason);
    }

    public override void Deserialize(IXunitSerializationInfo data)
    {
        _reason = data.GetValue<string>("reason");
        base.Deserialize(data);
    }

    protected override void Initialize()
    {
        base.Initialize();
        SkipReason = _reason;
    }
}
